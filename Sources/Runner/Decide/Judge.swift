internal import JobStore

/// Decides what an attempt's response means for its job. Pure.
struct Judge: Sendable {
    enum Verdict: Equatable {
        /// The job is to be marked with this outcome; `wait` counts only while the outcome is
        /// retrying.
        ///
        /// `isExcused` as in `Mark`.
        case outcome(Outcome, wait: Duration, isExcused: Bool = false)
        /// The job counts as never tried, since the trouble is not the job's.
        case giveBack
    }

    var rules = JudgingRules()
    /// Attempts after the first.
    var retries = 3
    var backoff = Backoff()
    /// The time in µs, from the end of a job's first attempt, after which none is begun.
    var retryTimeMicrosMax = Retry.timeMax.microseconds
    /// The longest `Retry-After` that is honoured, in µs.
    var retryAfterMicrosMax = Retry.waitMax.microseconds

    /// Whether jobs wait to which access is denied, where it is to all of their host.
    var holdsDenials = true

    /// - Parameters:
    ///   - matched: The verdict of conditions on a whole answer (`AnswerConditions`); `nil` when none
    ///     applies.
    ///   - isTripped: Whether the job's host is out of reach at present (`Breaker`); then failing to
    ///     reach the host costs no attempt.
    ///   - isDry: Whether the queue has no job for its first attempt.
    func verdict(
        on response: Response, of job: Job, matched: JudgingRules.Verdict? = nil, isTripped: Bool,
        isDry: Bool = false, at now: Now, using random: inout some RandomNumberGenerator
    ) -> Verdict {
        if response.isUnchanged { return .outcome(.unchanged, wait: .zero) }
        let rules = response.isOfRobots ? JudgingRules() : rules
        // Where a redirect led is not the job's host: that one has answered.
        let isHostOut = isTripped && job.chunk.hasOneHost && response.redirects == 0
        // Returns are bounded: while the host answers other jobs, the trouble is the job's own.
        let mayGiveBack = isHostOut && !job.isLastReturn
        switch response.failure {
        case nil:
            let status = UInt16(clamping: response.status)
            switch matched ?? rules.verdict(onStatus: response.status) {
            case .complete: return .outcome(Outcome(.completed, status: status), wait: .zero)
            case .retry:
                let outcome = Outcome(.retrying, status: status)
                guard matched == nil, !rules.isChosen(response.status) else {
                    return retry(outcome, response, job, now, &random)
                }
                let triedMicros = job.past.sinceMicros.map { now.monotonicMicros - $0 } ?? 0
                if let wait = excusedWait(response, of: job, at: now, &random),
                    triedMicros + wait.microseconds <= retryTimeMicrosMax
                {
                    return .outcome(outcome, wait: wait, isExcused: true)
                }
                if mayGiveBack, response.status >= 500 { return .giveBack }
                return retry(outcome, response, job, now, &random)
            case .fail:
                guard matched == nil, mayHoldDenial(response, of: job, isDry: isDry) else {
                    return .outcome(Outcome(.failed, status: status), wait: .zero)
                }
                let waitMicros = backoff.waitMicros(
                    afterAttempt: job.countedAttempt, using: &random)
                return .outcome(
                    Outcome(.retrying, status: status),
                    wait: .microseconds(max(backoff.baseMicros, waitMicros)), isExcused: true)
            }
        case .cancelled, .unkept:
            return .giveBack
        case .local(.proxy), .local(.proxyCredentials):
            // However often: hosts that are reached without it go on answering.
            return .giveBack
        case .local(.system):
            guard job.isLastReturn else { return .giveBack }
            return retry(Outcome(.retrying, .other), response, job, now, &random)
        case .reason(let reason):
            let chosen = rules.verdict(on: reason)
            // Of one name among many it is an answer.
            let isAnswer =
                reason == .dns && response.isNameUnknown
                && (!job.chunk.hasOneHost || job.chunk.isOfList || response.redirects > 0)
            let isRetried =
                chosen.map { $0 == .retry } ?? (!isAnswer && Self.isWorthRetrying(reason))
            if response.isTakenBack, chosen == nil, let wait = waitTakenBack(job, at: now, &random)
            {
                return .outcome(Outcome(.retrying, reason), wait: wait, isExcused: true)
            }
            switch reason {
            // `tls` of all jobs in a row: a certificate that has run out, or none here to trust.
            case .dns where mayGiveBack && isRetried, .connect where mayGiveBack && isRetried,
                .tls where mayGiveBack && isRetried:
                return .giveBack
            case .tls, .dns, .connect, .timeout, .reset, .tooLarge, .badResponse, .redirects,
                .forbiddenAddress, .badURL, .robots, .handler, .other, .unchanged:
                guard isRetried else { return .outcome(Outcome(.failed, reason), wait: .zero) }
                return retry(Outcome(.retrying, reason), response, job, now, &random)
            }
        }
    }

    /// Returns the verdict on a job whose response would complete it, by the word of its handler.
    ///
    /// - Parameter reason: The name that the reason of a failure has.
    func verdict(
        of handler: HandlerVerdict, named reason: HandlerReason? = nil, on response: Response,
        of job: Job, at now: Now, using random: inout some RandomNumberGenerator
    ) -> Verdict {
        switch handler {
        case .done:
            let status = UInt16(clamping: response.status)
            return .outcome(Outcome(.completed, status: status), wait: .zero)
        case .failed: return .outcome(Outcome(.failed, .handler, named: reason), wait: .zero)
        case .retry where rules.verdict(on: .handler) == .fail:
            return .outcome(Outcome(.failed, .handler), wait: .zero)
        case .retry(let wait):
            var response = response
            response.retryAfter = max(.zero, wait)
            return retry(Outcome(.retrying, .handler), response, job, now, &random)
        }
    }

    /// Whether a response, as far as it is known, completes its job by what it holds.
    func completes(_ response: Response, _ matched: JudgingRules.Verdict?) -> Bool {
        response.failure == nil && !response.isOfRobots && !response.isUnchanged
            && (matched ?? rules.verdict(onStatus: response.status)) == .complete
    }

    /// Whether a job waits to which access was denied: its host denies access to all jobs, and has
    /// others to be asked first.
    private func mayHoldDenial(_ response: Response, of job: Job, isDry: Bool) -> Bool {
        guard holdsDenials, DenialStreak.isDenial(response.status),
            !rules.isChosen(response.status), response.redirects == 0,
            job.chunk.hasOneHost
        else { return false }
        let behaviour = job.chunk.host.behaviour
        if behaviour.contains(.isMixed) { return false }
        if behaviour.contains(.hasFresh) { return true }
        // Its first jobs come before it is known that there are others. But jobs that are asked for
        // again and again are all there are.
        return job.chunk.isAllOfBatch && !isDry && job.past.excused < 3
    }

    /// The wait after a refusal that costs no attempt; `nil` where it costs one. The host said how
    /// long to wait, or refuses most of what it is asked.
    private func excusedWait(
        _ response: Response, of job: Job, at now: Now, _ random: inout some RandomNumberGenerator
    ) -> Duration? {
        guard response.status == 429 || response.status == 503 else { return nil }
        let askedMicros = response.retryAfter?.microseconds ?? 0
        // A job that is refused again and again is not asked for each second for a day.
        let again = Int(job.past.excused) - 2
        if askedMicros > 0 {
            let backoffMicros =
                again > 0 ? backoff.waitMicros(afterAttempt: again, using: &random) : 0
            return .microseconds(max(min(askedMicros, retryAfterMicrosMax), backoffMicros))
        }
        guard job.chunk.hasOneHost, response.redirects == 0,
            job.chunk.host.behaviour.contains(.pushesBack)
        else { return nil }
        return .microseconds(backoff.waitMicros(afterAttempt: max(1, again), using: &random))
    }

    /// The times that a request may be taken back before its attempts count.
    static let takenBackMax = 10

    /// The wait after a request was taken back, which costs no attempt; `nil` where it costs one.
    private func waitTakenBack(
        _ job: Job, at now: Now, _ random: inout some RandomNumberGenerator
    ) -> Duration? {
        guard job.past.excused < Self.takenBackMax else { return nil }
        let wait = backoff.waitMicros(
            afterAttempt: Int(job.past.excused) + 1, using: &random)
        let sinceMicros = job.past.sinceMicros ?? now.monotonicMicros
        guard now.monotonicMicros - sinceMicros + wait <= retryTimeMicrosMax else { return nil }
        return .microseconds(wait)
    }

    /// Whether an attempt that got no whole answer may end better the next time.
    static func isWorthRetrying(_ reason: Outcome.Reason) -> Bool {
        switch reason {
        case .tooLarge, .redirects, .forbiddenAddress, .badURL, .robots, .unchanged: false
        case .dns, .connect, .tls, .timeout, .reset, .badResponse, .handler, .other: true
        }
    }

    /// Whether a status may be another at the next attempt.
    static func isWorthRetrying(_ status: Int) -> Bool {
        switch status {
        case 408, 425, 429, 500..<600: true
        default: false
        }
    }

    private func retry(
        _ outcome: Outcome, _ response: Response, _ job: Job, _ now: Now,
        _ random: inout some RandomNumberGenerator
    ) -> Verdict {
        let attempt = job.countedAttempt
        let askedMicros = max(0, response.retryAfter?.microseconds ?? 0)
        let waitMicros = max(
            min(askedMicros, retryAfterMicrosMax),
            backoff.waitMicros(afterAttempt: attempt, using: &random))
        let sinceMicros = job.past.sinceMicros ?? now.monotonicMicros
        guard attempt <= retries,
            now.monotonicMicros - sinceMicros + waitMicros <= retryTimeMicrosMax
        else { return .outcome(outcome.becoming(.failed), wait: .zero) }
        return .outcome(outcome, wait: .microseconds(waitMicros))
    }
}
