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

    /// Whatever rules say of a 304 that nobody asked for, and of bodies.
    @Test func verdict_isUnchanged_whateverTheRules() throws {
        var response = Response(status: 304)
        response.isUnchanged = true
        for rules in [JudgingRules(), try JudgingRules([.fail: JudgingItem.list("304")])] {
            var judge = Judge(retries: 3)
            judge.rules = rules
            var random = SeededGenerator(seed: 1)
            #expect(
                judge.verdict(
                    on: response, of: .sample(1), matched: .fail, isTripped: false, at: now,
                    using: &random) == .outcome(.unchanged, wait: .zero))
            #expect(!judge.completes(response, nil))
        }
        #expect(throws: JudgingFault.self) { try JudgingItem.list("unchanged") }
    }

    @Test(arguments: Outcome.Reason.allCases)
    func verdict_retriesOrFails_byReason(reason: Outcome.Reason) {
        let response = Response(failure: .reason(reason))
        switch reason {
        case .tooLarge, .redirects, .forbiddenAddress, .badURL, .robots, .unchanged:
            #expect(verdict(response) == .outcome(Outcome(.failed, reason), wait: .zero))
        case .dns, .connect, .tls, .timeout, .reset, .badResponse, .handler, .other:
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
        (0, 0), (-1, 0), (1, 1_000_000), (3600, 3_600_000_000), (3601, 3_600_000_000),
        (1 << 32, 3_600_000_000), (1 << 60, 3_600_000_000),
    ])
    func verdict_waitsAsAsked_upToTheCap(retryAfterSeconds: Int, waitMicros: Int) {
        let judge = Judge(backoff: Backoff(baseMicros: 0, waitMicrosMax: 0))
        #expect(wait(retryAfterSeconds, judge, seed: 1) == waitMicros)
    }

    @Test func verdict_waitsAsAsked_andCostsNoAttempt_untilTheTimeIsOver() throws {
        let refusal = Response(status: 503, retryAfter: .seconds(2))
        var job = Job.sample(0, attempt: 100)
        job.past = Job.Past(excused: 1, sinceMicros: now.monotonicMicros - 86_398_000_000)
        let excused = Judge.Verdict.outcome(
            Outcome(.retrying, status: 503), wait: .seconds(2), isExcused: true)
        #expect(verdict(refusal, of: job) == excused)
        job.past.sinceMicros = now.monotonicMicros - 86_399_000_000
        #expect(verdict(refusal, of: job) == ended(.failed, 503))
    }

    /// One that is refused again and again is asked for less and less often.
    @Test func verdict_waitsLonger_whereAJobIsRefusedAgain() {
        var longest = 0
        for seed in 0..<100 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            var job = Job.sample(0, attempt: 9)
            job.past = Job.Past(excused: 8, sinceMicros: now.monotonicMicros)
            let verdict = Judge().verdict(
                on: Response(status: 429, retryAfter: .seconds(1)), of: job, isTripped: false,
                at: now, using: &random)
            guard case .outcome(_, let wait, true) = verdict else {
                Issue.record("\(verdict)")
                continue
            }
            #expect(wait >= .seconds(1) && wait <= .seconds(32))
            longest = max(longest, wait.microseconds)
        }
        #expect(longest > 20_000_000)
    }

    /// The same where the host does not say how long, and refuses most of what it is asked.
    @Test(arguments: [(0, 1_000_000), (3, 1_000_000), (8, 32_000_000), (100, 60_000_000)])
    func verdict_waitsLonger_whereAJobIsRefusedAgain_withoutAWord(
        excused: Int, microsMax: Int
    ) {
        var job = Job(
            chunk: RequestChunk(.sample(), HostTable()), position: 0, attempt: excused + 1)
        job.past = Job.Past(excused: UInt32(excused), sinceMicros: now.monotonicMicros)
        job.chunk.host.behaviour = .pushesBack
        var longest = 0
        for seed in 0..<100 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            let verdict = Judge().verdict(
                on: Response(status: 429), of: job, isTripped: false, at: now, using: &random)
            guard case .outcome(_, let wait, true) = verdict else {
                Issue.record("\(verdict)")
                continue
            }
            longest = max(longest, wait.microseconds)
        }
        #expect(longest <= microsMax && longest > microsMax / 2)
    }

    @Test func verdict_excusesARefusal_onlyWhereTheHostRefusesMost() {
        let table = HostTable()
        let job = Job(chunk: RequestChunk(.sample(), table), position: 0, attempt: 1)
        #expect(isExcused(verdict(Response(status: 503), of: job)) == false)
        job.chunk.host.behaviour = .pushesBack
        #expect(isExcused(verdict(Response(status: 503), of: job)) == true)
        #expect(isExcused(verdict(Response(status: 502), of: job)) == false)
        #expect(isExcused(verdict(Response(status: 503, redirects: 1), of: job)) == false)
    }

    /// Access that is denied to all of a host waits for what others show.
    @Test(arguments: [401, 403, 407])
    func verdict_holdsADenial_whileAllAreDenied(status: Int) {
        let table = HostTable()
        let job = Job(chunk: RequestChunk(.sample(), table), position: 0, attempt: 1)
        func isHeld(isDry: Bool) -> Bool {
            var random = SeededGenerator(seed: 1)
            let verdict = Judge().verdict(
                on: Response(status: status), of: job, isTripped: false, isDry: isDry, at: now,
                using: &random)
            return isExcused(verdict) == true
        }
        #expect(isHeld(isDry: false) && !isHeld(isDry: true))
        job.chunk.host.behaviour = .hasFresh
        #expect(isHeld(isDry: true))
        job.chunk.host.behaviour = [.hasFresh, .isMixed]
        #expect(!isHeld(isDry: false))
    }

    /// - Returns: `nil` where the job does not wait.
    private func isExcused(_ verdict: Judge.Verdict) -> Bool? {
        guard case .outcome(let outcome, _, let isExcused) = verdict, outcome.state == .retrying
        else { return nil }
        return isExcused
    }

    private func wait(_ retryAfterSeconds: Int, _ judge: Judge, seed: UInt64) -> Int? {
        let response = Response(status: 503, retryAfter: .seconds(retryAfterSeconds))
        let verdict = verdict(response, judge: judge, seed: seed)
        guard case .outcome(_, let wait, _) = verdict else { return nil }
        return wait.microseconds
    }

    private func ended(_ state: Outcome.State, _ status: Int) -> Judge.Verdict {
        .outcome(Outcome(state, status: UInt16(status)), wait: .zero)
    }

    private func outcome(_ response: Response, _ attempt: Int) -> Outcome? {
        guard case .outcome(let outcome, let wait, _) = verdict(response, attempt: attempt),
            wait >= .zero
        else { return nil }
        return outcome
    }

    // MARK: - Rules

    @Test func verdict_onRobots_isBuiltIn() throws {
        for verdict in [JudgingRules.Verdict.complete, .fail] {
            let judge = Judge(
                rules: try JudgingRules([verdict: JudgingItem.list("5xx")]), retries: 0)
            var response = Response(status: 500)
            #expect(
                self.verdict(response, judge: judge)
                    == ended(verdict == .complete ? .completed : .failed, 500))
            response.isOfRobots = true
            #expect(self.verdict(response, attempt: 1, judge: judge) == ended(.failed, 500))
            let patient = Judge(rules: judge.rules)
            guard case .outcome(let outcome, _, _) = self.verdict(response, judge: patient) else {
                Issue.record("no outcome")
                return
            }
            #expect(outcome == Outcome(.retrying, status: 500))
        }
    }

    @Test func verdict_isThatOfTheRules() throws {
        let judge = Judge(
            rules: try JudgingRules([
                .complete: JudgingItem.list("404,5xx"),
                .retry: JudgingItem.list("403,tls,too_large"),
                .fail: JudgingItem.list("503,204,connect"),
            ]))
        let verdict = { (response: Response) in self.verdict(response, judge: judge) }
        #expect(verdict(Response(status: 404)) == ended(.completed, 404))
        #expect(verdict(Response(status: 500)) == ended(.completed, 500))
        #expect(verdict(Response(status: 503)) == ended(.failed, 503))
        #expect(verdict(Response(status: 204)) == ended(.failed, 204))
        #expect(verdict(Response(status: 200)) == ended(.completed, 200))
        for (response, outcome) in [
            (Response(status: 403), Outcome(.retrying, status: 403)),
            (Response(failure: .reason(.tls)), Outcome(.retrying, .tls)),
            (Response(failure: .reason(.tooLarge)), Outcome(.retrying, .tooLarge)),
            (Response(failure: .reason(.connect)), Outcome(.failed, .connect)),
        ] {
            guard case .outcome(let found, _, _) = verdict(response) else {
                Issue.record("given back: \(response)")
                continue
            }
            #expect(found == outcome)
        }
    }

    /// What a user calls a failure is one, also of a host that is out of reach; otherwise its jobs
    /// wait.
    @Test func verdict_onAHostOutOfReach_isThatOfTheRules_whereTheyFailIt() throws {
        let fails = Judge(rules: try JudgingRules([.fail: JudgingItem.list("tls,connect")]))
        let retries = Judge(rules: try JudgingRules([.retry: JudgingItem.list("network")]))
        for reason in [Outcome.Reason.tls, .connect] {
            let response = Response(failure: .reason(reason))
            let failed = Judge.Verdict.outcome(Outcome(.failed, reason), wait: .zero)
            #expect(verdict(response, isTripped: true, judge: fails) == failed)
            #expect(verdict(response, isTripped: true, judge: retries) == .giveBack)
        }
    }

    @Test func verdict_ofAConditionOnTheAnswer_isBeforeItsStatus() {
        var random = SeededGenerator(seed: 1)
        for matched in JudgingRules.Verdict.allCases {
            for status in [200, 404, 503] {
                let verdict = Judge().verdict(
                    on: Response(status: status), of: job(1), matched: matched, isTripped: false,
                    at: now, using: &random)
                guard case .outcome(let outcome, _, _) = verdict else {
                    Issue.record("given back: \(status)")
                    continue
                }
                let states: [JudgingRules.Verdict: Outcome.State] = [
                    .complete: .completed, .retry: .retrying, .fail: .failed,
                ]
                #expect(outcome == Outcome(states[matched]!, status: UInt16(status)))
            }
        }
    }

    /// The wait counts, too: no attempt begins after that time.
    @Test(
        arguments: [(0, true), (58, true), (59, false), (60, false), (1 << 40, false)], [500, 503])
    func verdict_failsAJob_thatWasTriedForLong(age: (seconds: Int, isRetried: Bool), status: Int) {
        let judge = Judge(
            retries: 250, backoff: Backoff(baseMicros: 0, waitMicrosMax: 0),
            retryTimeMicrosMax: 60_000_000)
        var job = job(2)
        job.past.sinceMicros = now.monotonicMicros - age.seconds * 1_000_000
        var random = SeededGenerator(seed: 1)
        let response = Response(status: status, retryAfter: .milliseconds(1500))
        let verdict = judge.verdict(
            on: response, of: job, isTripped: false, at: now, using: &random)
        let retried = Judge.Verdict.outcome(
            Outcome(.retrying, status: UInt16(status)), wait: .milliseconds(1500),
            isExcused: status == 503)
        #expect(verdict == (age.isRetried ? retried : ended(.failed, status)))
    }

    // MARK: - Taken back by HTTP/2

    private let takenBack = Response(failure: .reason(.reset), isTakenBack: true)

    @Test func verdict_excusesWhatWasTakenBack_tenTimes() {
        for excused in 0..<10 as Range<UInt32> {
            var job = job(Int(excused) + 1)
            job.past.excused = excused
            #expect(isExcused(verdict(takenBack, of: job)) == true)
        }
        var job = job(11)
        job.past.excused = 10
        #expect(isExcused(verdict(takenBack, of: job)) == false)
        job = self.job(14)
        job.past.excused = 10
        #expect(verdict(takenBack, of: job) == .outcome(Outcome(.failed, .reset), wait: .zero))
    }

    @Test func verdict_excusesWhatWasTakenBack_untilTheTimeIsOver() {
        var job = job(2)
        job.past = Job.Past(excused: 1, sinceMicros: now.monotonicMicros - 86_400_000_000)
        #expect(verdict(takenBack, of: job) == .outcome(Outcome(.failed, .reset), wait: .zero))
    }

    @Test func verdict_onWhatWasTakenBack_isThatOfTheRules() throws {
        let fails = Judge(rules: try JudgingRules([.fail: JudgingItem.list("reset")]))
        #expect(
            verdict(takenBack, judge: fails) == .outcome(Outcome(.failed, .reset), wait: .zero))
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
            (.reason(.tls), .tls),
        ] {
            var job = job(1)
            job.returns.count = UInt32(Job.returnsMax)
            #expect(verdict(Response(failure: failure), isTripped: true, of: job) == .giveBack)
            job.returns.count += 1
            let verdict = verdict(Response(failure: failure), isTripped: true, of: job)
            guard case .outcome(let outcome, _, _) = verdict else {
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

    /// A job of a host that no other test has to do with.
    private func job(_ attempt: Int) -> Job {
        Job(chunk: RequestChunk(.sample(), HostTable()), position: 0, attempt: attempt)
    }

    private func verdict(
        _ response: Response, isTripped: Bool = false, of job: Job
    ) -> Judge.Verdict {
        var random = SeededGenerator(seed: 1)
        return Judge().verdict(
            on: response, of: job, isTripped: isTripped, isDry: true, at: now, using: &random)
    }

    private func verdict(
        _ response: Response, attempt: Int = 1, isTripped: Bool = false, judge: Judge = Judge(),
        seed: UInt64 = 1
    ) -> Judge.Verdict {
        var random = SeededGenerator(seed: seed)
        return judge.verdict(
            on: response, of: job(attempt), isTripped: isTripped, isDry: true, at: now,
            using: &random)
    }
}
