import JobStore
import Testing

@testable import Runner

@Suite struct GracePeriodTests {
    /// A signal and a limit may both end a run: of two periods, one would not be ended with the run.
    @Test func begin_countsOnce_andNotAfterTheEnd() {
        let grace = GracePeriod(.seconds(3600)) {}
        #expect(grace.begin() && !grace.begin())
        grace.end()
        #expect(!grace.begin())
        let late = GracePeriod(.seconds(3600)) {}
        late.end()
        #expect(!late.begin())
    }
}
