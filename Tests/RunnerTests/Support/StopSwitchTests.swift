import JobStore
import Synchronization
import Testing

@testable import Runner

@Suite struct StopSwitchTests {
    private final class Record: Sendable {
        private let calls = Locked<[String]>([])
        func add(_ call: String) { calls.withLock { $0.append(call) } }
        var all: [String] { calls.withLock { $0 } }
    }

    private let stop = StopSwitch()
    private let record = Record()

    private func connect() {
        stop.connect(
            drain: { [record] in record.add("drain") }, cancel: { [record] in record.add("cancel") }
        )
    }

    @Test func connect_doesNothing_whenNotRequested() {
        connect()
        #expect(record.all == [] && !stop.isRequested)
    }

    /// However many ask at once, none of them cuts requests short.
    @Test func requestDrain_drains_once_andNeverCancels() {
        connect()
        #expect(stop.requestDrain() && !stop.requestDrain())
        #expect(record.all == ["drain"] && stop.isRequested && !stop.isCancelRequested)
        stop.request()
        #expect(record.all == ["drain", "cancel"] && !stop.requestDrain())
    }

    @Test func requestDrain_countsBeforeTheRunBegins() {
        #expect(stop.requestDrain())
        connect()
        #expect(record.all == ["drain"])
    }

    @Test func request_drains_once() {
        connect()
        stop.request()
        #expect(record.all == ["drain"] && stop.isRequested)
    }

    @Test func request_cancels_fromTheSecondTimeOn() {
        connect()
        for _ in 0..<3 { stop.request() }
        #expect(record.all == ["drain", "cancel", "cancel"])
    }

    @Test(arguments: [(1, ["drain"]), (2, ["drain", "cancel"]), (3, ["drain", "cancel"])])
    func connect_catchesUp_withRequestsOfBefore(requests: Int, calls: [String]) {
        for _ in 0..<requests { stop.request() }
        #expect(stop.isRequested && record.all == [])
        connect()
        #expect(record.all == calls)
        stop.request()
        #expect(record.all == calls + ["cancel"])
    }

    @Test func request_isKept_afterDisconnect() {
        connect()
        stop.disconnect()
        stop.request()
        #expect(record.all == [] && stop.isRequested)
    }

    @Test func request_mayFlipTheSwitchAgain_fromWithinItsAnswer() {
        // What a drain does is called outside the lock.
        stop.connect(
            drain: { [stop, record] in
                record.add("drain")
                stop.request()
            }, cancel: { [record] in record.add("cancel") })
        stop.request()
        stop.disconnect()
        #expect(record.all == ["drain", "cancel"])
    }
}
