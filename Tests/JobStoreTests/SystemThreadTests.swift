import Synchronization
import Testing

@testable import JobStore

struct SystemThreadTests {
    private final class Count: Sendable {
        let value = Atomic<Int>(0)
    }

    @Test func join_returns_whenTheBodyHasRun() throws {
        let count = Count()
        let thread = try SystemThread { count.value.add(1, ordering: .relaxed) }
        thread.join()
        #expect(count.value.load(ordering: .relaxed) == 1)
    }

    @Test func body_isReleased_withTheThread() throws {
        weak var held: Count?
        do {
            let count = Count()
            held = count
            let thread = try SystemThread { count.value.add(1, ordering: .relaxed) }
            thread.join()
        }
        #expect(held == nil)
    }
}
