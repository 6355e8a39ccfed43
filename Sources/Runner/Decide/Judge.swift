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

    /// Attempts after the first.
    var retries = 3
    var backoff = Backoff()
    /// The longest `Retry-After` that is honoured, in µs.
    var retryAfterMicrosMax = Retry.waitMax.microseconds
    /// The time in µs since a job's first attempt for which refusals cost it no attempt.
    var retryMicrosMax = 86_400_000_000

    /// Whether jobs wait to which access is denied, where it is to all of their host.
    var holdsDenials = true

    /// - Parameters:
    ///   - isTripped: Whether the job's host is out of reach at present (`Breaker`); then failing to
    ///     reach the host costs no attempt.
    ///   - isDry: Whether the queue has no job for its first attempt.
    func verdict(
        on response: Response, of job: Job, isTripped: Bool, isDry: Bool = false, at now: Now,
        using random: inout some RandomNumberGenerator
    ) -> Verdict {
        let attempt = job.countedAttempt
        // Where a redirect led is not the job's host: that one has answered.
        let isHostOut = isTripped && job.chunk.hasOneHost && response.redirects == 0
        // Returns are bounded: while the host answers other jobs, the trouble is the job's own.
        let mayGiveBack = isHostOut && !job.isLastReturn
        switch response.failure {
        case nil:
            let status = UInt16(clamping: response.status)
            if (200..<300).contains(response.status) {
                return .outcome(Outcome(.completed, status: status), wait: .zero)
            }
            if mayHoldDenial(response, of: job, isDry: isDry) {
                let waitMicros = backoff.waitMicros(afterAttempt: attempt, using: &random)
                let wait = Duration.microseconds(max(backoff.baseMicros, waitMicros))
                return .outcome(Outcome(.retrying, status: status), wait: wait, isExcused: true)
            }
            if response.status == 429 || response.status == 503,
                let wait = excusedWait(response, of: job, at: now, &random)
            {
                return .outcome(Outcome(.retrying, status: status), wait: wait, isExcused: true)
            }
            if mayGiveBack, response.status >= 500 { return .giveBack }
            if Self.isWorthRetrying(response.status) {
                return retry(Outcome(.retrying, status: status), response, attempt, now, &random)
            }
            return .outcome(Outcome(.failed, status: status), wait: .zero)
        case .cancelled, .unkept:
            return .giveBack
        case .local(.proxy), .local(.proxyCredentials):
            // However often: hosts that are reached without it go on answering.
            return .giveBack
        case .local(.system):
            guard job.isLastReturn else { return .giveBack }
            return retry(Outcome(.retrying, .other), response, attempt, now, &random)
        case .reason(let reason):
            switch reason {
            case .tls where mayGiveBack:
                // Of all jobs in a row: a certificate that has run out, or none here to trust.
                return .giveBack
            case .tls, .tooLarge, .redirects, .badURL:
                // The next attempt would end the same.
                return .outcome(Outcome(.failed, reason), wait: .zero)
            case .dns
            where response.isNameUnknown
                && (!job.chunk.hasOneHost || job.chunk.isOfList || response.redirects > 0):
                // Of one name among many it is an answer.
                return .outcome(Outcome(.failed, reason), wait: .zero)
            case .dns, .connect:
                if mayGiveBack { return .giveBack }
                return retry(Outcome(.retrying, reason), response, attempt, now, &random)
            case .timeout, .reset, .badResponse, .other:
                return retry(Outcome(.retrying, reason), response, attempt, now, &random)
            }
        }
    }

    /// Whether a job waits to which access was denied: its host denies access to all jobs, and has
    /// others to be asked first.
    private func mayHoldDenial(_ response: Response, of job: Job, isDry: Bool) -> Bool {
        guard holdsDenials, DenialStreak.isDenial(response.status), response.redirects == 0,
            job.chunk.hasOneHost
        else { return false }
        let behaviour = job.chunk.host.behaviour
        if behaviour.contains(.isMixed) { return false }
        return behaviour.contains(.hasFresh) || !job.chunk.isOfList && !isDry
    }

    /// The wait after a refusal that costs no attempt; `nil` where it costs one. The host said how
    /// long to wait, or refuses most of what it is asked.
    private func excusedWait(
        _ response: Response, of job: Job, at now: Now, _ random: inout some RandomNumberGenerator
    ) -> Duration? {
        if let since = job.past.sinceMicros, now.monotonicMicros - since >= retryMicrosMax {
            return nil
        }
        // libcurl 7.88 reports a date in the past as a negative number.
        let askedMicros = min(max(0, response.retryAfterSeconds), 1 << 32) * 1_000_000
        if askedMicros > 0 {
            // A job that is refused again and again is not asked for each second for a day.
            let again = Int(job.past.excused) - 2
            let backoffMicros =
                again > 0 ? backoff.waitMicros(afterAttempt: again, using: &random) : 0
            return .microseconds(max(min(askedMicros, retryAfterMicrosMax), backoffMicros))
        }
        guard job.chunk.hasOneHost, response.redirects == 0,
            job.chunk.host.behaviour.contains(.pushesBack)
        else { return nil }
        return .microseconds(backoff.waitMicros(afterAttempt: 1, using: &random))
    }

    /// Whether a status may be another at the next attempt.
    static func isWorthRetrying(_ status: Int) -> Bool {
        switch status {
        case 408, 425, 429, 500..<600: true
        default: false
        }
    }

    private func retry(
        _ outcome: Outcome, _ response: Response, _ attempt: Int, _ now: Now,
        _ random: inout some RandomNumberGenerator
    ) -> Verdict {
        guard attempt <= retries else {
            return .outcome(outcome.becoming(.failed), wait: .zero)
        }
        // libcurl 7.88 reports a date in the past as a negative number.
        let askedMicros = min(max(0, response.retryAfterSeconds), 1 << 32) * 1_000_000
        let waitMicros = max(
            min(askedMicros, retryAfterMicrosMax),
            backoff.waitMicros(afterAttempt: attempt, using: &random))
        return .outcome(outcome, wait: .microseconds(waitMicros))
    }
}
