import JobStore
import TestSupport
import Testing

@testable import Runner

@Suite struct JudgeTests {
    private let now = Now.at(ms: 5)

    @Test(arguments: [200, 201, 204, 206, 299])
    func verdict_completes_on2xx(status: Int) {
        #expect(verdict(Response(status: status)) == ended(.completed, status))
    }

    @Test(arguments: [
        100, 199, 300, 301, 304, 399, 400, 401, 403, 404, 410, 422, 451, 499, 600, 999,
    ])
    func verdict_failsAtOnce_onAStatusThatWillStay(status: Int) {
        #expect(verdict(Response(status: status)) == ended(.failed, status))
    }

    @Test(arguments: [408, 425, 429, 500, 501, 502, 503, 504, 599])
    func verdict_retries_onAStatusThatMayPass_upToItsBound(status: Int) {
        for attempt in 1...3 {
            #expect(
                outcome(Response(status: status), attempt)
                    == Outcome(.retrying, status: UInt16(status)))
        }
        #expect(verdict(Response(status: status), attempt: 4) == ended(.failed, status))
        #expect(verdict(Response(status: status), attempt: .max) == ended(.failed, status))
    }

    @Test(arguments: Outcome.Reason.allCases)
    func verdict_retriesOrFails_byReason(reason: Outcome.Reason) {
        let response = Response(failure: .reason(reason))
        switch reason {
        case .tls, .tooLarge, .redirects, .badURL:
            #expect(verdict(response) == .outcome(Outcome(.failed, reason), wait: .zero))
        case .dns, .connect, .timeout, .reset, .badResponse, .other:
            #expect(outcome(response, 3) == Outcome(.retrying, reason))
            let last = verdict(response, attempt: 4)
            #expect(last == .outcome(Outcome(.failed, reason), wait: .zero))
        }
    }

    @Test(arguments: Outcome.Reason.allCases)
    func verdict_givesBack_onlyWhatCouldNotReachTheHost_whenTripped(reason: Outcome.Reason) {
        let verdict = verdict(Response(failure: .reason(reason)), isTripped: true)
        #expect((verdict == .giveBack) == [.dns, .connect, .tls].contains(reason))
    }

    @Test func verdict_givesBack_whatIsNotTheJobsFault_atAnyAttempt() {
        for failure in [Response.Failure.cancelled, .local(.system(24))] {
            for attempt in [1, 4, 1000] {
                #expect(verdict(Response(failure: failure), attempt: attempt) == .giveBack)
            }
        }
    }

    @Test func verdict_looksAtTheFailureFirst() {
        // The header came and the connection broke before the body was whole.
        let response = Response(status: 200, failure: .reason(.reset))
        #expect(outcome(response, 1) == Outcome(.retrying, .reset))
    }

    @Test func verdict_makesOneAttempt_withoutRetries() {
        let verdict = verdict(Response(status: 503), judge: Judge(retries: 0))
        #expect(verdict == ended(.failed, 503))
    }

    /// With a backoff of none, what is waited is what the server asked for.
    @Test(arguments: [
        (0, 0), (-1, 0), (Int.min, 0), (1, 1_000_000), (3600, 3_600_000_000),
        (3601, 3_600_000_000), (1 << 32, 3_600_000_000), (Int.max, 3_600_000_000),
    ])
    func verdict_waitsAsAsked_upToTheCap(retryAfterSeconds: Int, waitMicros: Int) {
        let judge = Judge(backoff: Backoff(baseMicros: 0, waitMicrosMax: 0))
        #expect(wait(retryAfterSeconds, judge, seed: 1) == waitMicros)
    }

    @Test func verdict_waitsTheLongerOfBackoffAndRetryAfter() {
        let backoff = Backoff(baseMicros: 4_000_000, waitMicrosMax: 4_000_000)
        var (longer, asked) = (0, 0)
        for seed in 0..<200 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            let backoffMicros = backoff.waitMicros(afterAttempt: 1, using: &random)
            let waitMicros = wait(2, Judge(backoff: backoff), seed: seed)
            #expect(waitMicros == max(2_000_000, backoffMicros))
            if waitMicros == 2_000_000 { asked += 1 } else { longer += 1 }
        }
        #expect(longer > 50 && asked > 50)
    }

    private func wait(_ retryAfterSeconds: Int, _ judge: Judge, seed: UInt64) -> Int? {
        let response = Response(status: 503, retryAfterSeconds: retryAfterSeconds)
        let verdict = verdict(response, judge: judge, seed: seed)
        guard case .outcome(_, let wait) = verdict else { return nil }
        return wait.microseconds
    }

    private func ended(_ state: Outcome.State, _ status: Int) -> Judge.Verdict {
        .outcome(Outcome(state, status: UInt16(status)), wait: .zero)
    }

    private func outcome(_ response: Response, _ attempt: Int) -> Outcome? {
        guard case .outcome(let outcome, let wait) = verdict(response, attempt: attempt),
            wait >= .zero
        else { return nil }
        return outcome
    }

    // MARK: - Of whose doing it is

    @Test(arguments: [Outcome.Reason.dns, .connect, .tls])
    func verdict_countsAnAttempt_whereARedirectLed_whateverItsHost(reason: Outcome.Reason) {
        let response = Response(status: 302, redirects: 1, failure: .reason(reason))
        #expect(verdict(response, isTripped: true) != .giveBack)
    }

    @Test func verdict_alwaysGivesBack_whatAProxyIsToBlameFor() {
        var job = job(1)
        job.returns.count = UInt32(Job.returnsMax) + 1
        for trouble in [MachineTrouble.proxy, .proxyCredentials] {
            #expect(verdict(Response(failure: .local(trouble)), of: job) == .giveBack)
        }
    }

    @Test func verdict_givesBackNoMore_whatIsTheJobsOwnTrouble() {
        for (failure, reason) in [
            (Response.Failure.local(.system(12)), Outcome.Reason.other),
            (.reason(.connect), .connect),
            (.reason(.dns), .dns),
        ] {
            var job = job(1)
            job.returns.count = UInt32(Job.returnsMax)
            #expect(verdict(Response(failure: failure), isTripped: true, of: job) == .giveBack)
            job.returns.count += 1
            let verdict = verdict(Response(failure: failure), isTripped: true, of: job)
            guard case .outcome(let outcome, _) = verdict else {
                Issue.record("given back: \(failure)")
                continue
            }
            #expect(outcome == Outcome(.retrying, reason))
        }
        var job = job(1)
        job.returns.count = 1000
        #expect(verdict(Response(failure: .cancelled), of: job) == .giveBack)
    }

    @Test func verdict_failsAtOnce_onANameThatIsNot_whereThereAreManyNames() {
        var unknown = Response(failure: .reason(.dns))
        unknown.isNameUnknown = true
        #expect(outcome(unknown, 1) == Outcome(.retrying, .dns))
        let many = RequestChunk(.sample(url: "http://{id}.example/"), .sample)
        let failed = Judge.Verdict.outcome(Outcome(.failed, .dns), wait: .zero)
        #expect(verdict(unknown, of: Job(chunk: many, position: 1, attempt: 1)) == failed)
        unknown.redirects = 1
        #expect(verdict(unknown) == failed)
    }

    private func job(_ attempt: Int) -> Job { .sample(0, attempt: attempt) }

    private func verdict(
        _ response: Response, isTripped: Bool = false, of job: Job
    ) -> Judge.Verdict {
        var random = SeededGenerator(seed: 1)
        return Judge().verdict(
            on: response, of: job, isTripped: isTripped, at: now, using: &random)
    }

    private func verdict(
        _ response: Response, attempt: Int = 1, isTripped: Bool = false, judge: Judge = Judge(),
        seed: UInt64 = 1
    ) -> Judge.Verdict {
        var random = SeededGenerator(seed: seed)
        return judge.verdict(
            on: response, of: job(attempt), isTripped: isTripped, at: now, using: &random)
    }
}
