import Foundation
import JobStore
import Runner
import Testing

@testable import WebView

@Suite struct DocumentTests {
    private func json(_ bytes: [UInt8]) throws -> Any {
        try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
    }

    @Test func texts_areEscaped_onOneLine() throws {
        let text = "</script>\"\\\n\r\t\u{0}\u{1F}\u{7F}\u{2028}ü🙂"
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("a", text)
            writer.member("b", Int?.none)
            writer.name("c")
            writer.array([1.5, 2, .nan, .infinity, 1e300]) { $0.value($1) }
            writer.member("d", true)
        }
        #expect(!writer.bytes.contains { $0 < 0x20 })
        let read = try #require(try json(writer.bytes) as? [String: Any])
        #expect(read["a"] as? String == text)
        #expect(read["b"] is NSNull && read["d"] as? Bool == true)
        #expect((read["c"] as? [Any])?[0] as? Double == 1.5)
        #expect((read["c"] as? [Any])?[2] is NSNull)
    }

    @Test func theState_isWhatTheMonitorKnows() throws {
        let queue = SampleQueue { $0.retriesDue = [4, 2] }
        queue.monitor.add(SampleQueue.sample(at: 1, completed: 40, left: 57))
        queue.monitor.add(SampleQueue.sample(at: 2))
        for number in 1...30 { queue.monitor.note("event \(number)") }
        func read(_ isFirst: Bool) throws -> [String: Any] {
            let text = StateDocument.text(
                queue.monitor.read { $0 }, queue.facts, title: queue.title, version: "1",
                isFirst: isFirst)
            return try #require(try json(text) as? [String: Any])
        }
        let state = try read(false)
        #expect(state["state"] as? String == "running" && state["queue"] as? String == "runner.db")
        let jobs = try #require(state["jobs"] as? [String: Int])
        #expect(jobs["completed"] == 60 && jobs["failed"] == 3 && jobs["available"] == 32)
        #expect(state["retries_due"] as? [Int] == [4, 2])
        #expect((state["point"] as? [Any])?.count == 10)
        #expect((state["events"] as? [Any])?.count == StateDocument.eventsMax)
        #expect((try read(true)["events"] as? [Any])?.count == 30)
        #expect(state["run"] is [String: Any])
        #expect((state["run"] as? [String: Any])?["followed"] == nil)
        queue.monitor.add(SampleQueue.sample(at: 3, followed: SampleQueue.followed))
        let run = try #require(try read(false)["run"] as? [String: Any])
        let followed = try #require(run["followed"] as? [String: Any])
        #expect(followed["added"] as? Int == 12 && followed["known"] as? Int == 34)
        #expect(followed["depth"] as? Int == 3)
        let leftOut = try #require(followed["left_out"] as? [[String: Any]])
        #expect(leftOut.map { $0["reason"] as? String } == ["scope", "host_full"])
        #expect(leftOut.map { $0["count"] as? Int } == [5, 6])
        // Nobody's figures are of no run.
        let idle = SampleQueue { $0.pid = nil }
        idle.monitor.add(SampleQueue.sample())
        let text = StateDocument.text(
            idle.monitor.read { $0 }, idle.facts, title: "a", version: "1")
        #expect(try #require(try json(text) as? [String: Any])["run"] == nil)
    }

    @Test func theCourse_hasItsSpans() throws {
        let queue = SampleQueue()
        for second in 1...25 { queue.monitor.add(SampleQueue.sample(at: second)) }
        let history = queue.monitor.read { $0.history }
        for (span, count) in [("seconds", 24), ("ten-seconds", 3), ("minutes", 1)] {
            let text = try #require(HistoryDocument.text(history, span: span))
            #expect((try json(text) as? [Any])?.count == count, "\(span)")
        }
        #expect(HistoryDocument.text(history, span: "days") == nil)
    }
}
