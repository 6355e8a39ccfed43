import JobStore
import TestSupport
import Testing

@testable import Runner

@Suite struct HandlerReasonsTests {
    private func reasons() -> HandlerReasons {
        HandlerReasons(
            QueueCounts(total: 0, running: 0, retriesRunning: 0, outcomes: [], runs: []))
    }

    @Test(arguments: [
        ("sold_out", "sold_out"), ("sold_out: since May", "sold_out"), ("sold_out:", "sold_out"),
        ("404-page", "404-page"),
    ])
    func aName_isReadFromWords(_ words: String, _ name: String) {
        #expect(reasons().name(in: words)?.text == name)
    }

    @Test(arguments: [
        "", ":", ": a", "sold_out:since", "Sold_out", "sold out", "sold\u{0}out", "verk\u{E4}uft",
        String(repeating: "x", count: 25), String(repeating: "x", count: 25) + ": a",
    ])
    func otherWords_haveNone(_ words: String) { #expect(reasons().name(in: words) == nil) }

    /// A handler that puts the job into the name uses up nothing that other queues of the process need.
    @Test func namesBeyondTheFirst_areNotKept() {
        let reasons = reasons()
        let names = (0..<5000).map { reasons.name(in: "job-\($0)") }
        #expect(names.prefix(16).map { $0?.text } == (0..<16).map { "job-\($0)" })
        #expect(names.dropFirst(16).allSatisfy { $0 == nil })
        #expect(reasons.name(in: "job-15: again")?.text == "job-15")
        for number in 0..<5000 { #expect(OutcomePattern("handler:typed-\(number)") != nil) }
        #expect(self.reasons().name(in: "of_another_queue")?.text == "of_another_queue")
    }
}
