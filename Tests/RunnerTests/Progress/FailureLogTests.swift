import JobStore
import Testing

@testable import Runner

@Suite struct FailureLogTests {
    private let chunk = RequestChunk(
        .sample(id: 3, url: "http://user:secret@h/{id}"), HostTable())

    private func job(_ position: Int) -> Job {
        Job(chunk: chunk, position: position, attempt: 2)
    }

    @Test func aSeldomFailure_isNotLostAmongMany() throws {
        let log = FailureLog()
        for position in 0..<1000 {
            log.add(job(position), Outcome(.failed, status: 404), "", at: .at(ms: 5))
        }
        log.add(job(7), Outcome(.retrying, .timeout), "too slow", at: .at(ms: 6))
        let taken = log.take()
        #expect(taken.count == FailureLog.ofOutcomeMax + 1)
        let last = try #require(taken.last)
        #expect(last.outcome == "timeout" && last.isRetried && last.message == "too slow")
        #expect(
            last.attempt == 2 && last.batch == 3 && last.endedAtMicros == Now.at(ms: 6).wallMicros)
        #expect(last.url.hasPrefix("http://h/"), "\(last.url)")
        #expect(log.take().isEmpty)
        // In the second after there is room for more.
        log.add(job(8), Outcome(.failed, status: 404), "", at: .at(ms: 2000))
        #expect(log.take().count == 1)
    }

    @Test func failuresThatNobodyTakes_areBounded() {
        let log = FailureLog()
        for second in 0..<1000 {
            log.add(job(second), Outcome(.failed, status: 404), "", at: .at(ms: second * 1000))
        }
        #expect(log.take().count == FailureLog.max)
    }
}
