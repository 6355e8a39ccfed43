/// The wait of a job before its next attempt: exponential, with full jitter.
///
///     wait = random(0 … min(longest, base · 2^(attempt − 1)))
///
/// | attempt that failed | 1   | 2   | 3   | 4   | 7 and later |
/// |---------------------|-----|-----|-----|-----|-------------|
/// | at most             | 1 s | 2 s | 4 s | 8 s | 60 s        |
///
/// Full jitter spreads the retries of a host that came back over the whole interval.
/// - SeeAlso: <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>
struct Backoff: Sendable {
    var baseMicros = 1_000_000
    var waitMicrosMax = 60_000_000

    func waitMicros(afterAttempt attempt: Int, using random: inout some RandomNumberGenerator)
        -> Int
    {
        let doublings = min(max(attempt, 1) - 1, 62)
        let isLongest = baseMicros > waitMicrosMax >> doublings
        let ceiling = isLongest ? waitMicrosMax : baseMicros << doublings
        return Int.random(in: 0...ceiling, using: &random)
    }
}
