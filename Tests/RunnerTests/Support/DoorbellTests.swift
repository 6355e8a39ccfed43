import Testing

@testable import Runner

@Suite(.timeLimit(.minutes(1))) struct DoorbellTests {
    private let bell = Doorbell()

    @Test func wait_returnsAtOnce_whenRungBefore() async {
        bell.ring()
        await bell.wait(untilMicros: nil)
        bell.ring()
        await bell.wait(untilMicros: Now.read().monotonicMicros + 60_000_000)
    }

    @Test func wait_isRungOnce_howeverOftenItRang() async {
        bell.ring()
        bell.ring()
        await bell.wait(untilMicros: nil)
        let deadlineMicros = Now.read().monotonicMicros + 20_000
        await bell.wait(untilMicros: deadlineMicros)
        #expect(Now.read().monotonicMicros >= deadlineMicros - 1000)
    }

    @Test func wait_returns_whenRungMeanwhile_thousandsOfTimes() async {
        // Whoever waits is rung by the other: a ring that got lost would end it for good.
        let other = Doorbell()
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for _ in 0..<5000 {
                    await bell.wait(untilMicros: nil)
                    other.ring()
                }
            }
            group.addTask {
                for _ in 0..<5000 {
                    bell.ring()
                    await other.wait(untilMicros: nil)
                }
            }
        }
    }

    @Test func wait_returnsAtItsDeadline() async {
        let deadlineMicros = Now.read().monotonicMicros + 20_000
        await bell.wait(untilMicros: deadlineMicros)
        #expect(Now.read().monotonicMicros >= deadlineMicros - 1000)
    }

    @Test(arguments: [0, 1, -1]) func wait_returns_whenItsDeadlineIsPast(micros: Int) async {
        await bell.wait(untilMicros: micros)
    }

    @Test func wait_returnsAtANearDeadline_afterAFarOneWasCutShort() async {
        bell.ring()
        await bell.wait(untilMicros: Now.read().monotonicMicros + 60_000_000)
        await bell.wait(untilMicros: Now.read().monotonicMicros + 1000)
    }

    @Test func wait_returnsAtAFarDeadline_afterANearOneWasCutShort() async {
        let startMicros = Now.read().monotonicMicros
        bell.ring()
        await bell.wait(untilMicros: startMicros + 5000)
        // The near alarm may end a wait too early, but not for good.
        while Now.read().monotonicMicros < startMicros + 20_000 {
            await bell.wait(untilMicros: startMicros + 20_000)
        }
    }
}
