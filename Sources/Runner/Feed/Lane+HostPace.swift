internal import JobStore

extension Lane {
    /// The pace as the queue keeps it.
    ///
    /// - Parameter now: `nil` when the host is not left alone.
    func hostPace(at now: Now?) -> HostPace {
        let untilMicros = breaker.isAsked ? breaker.pausedUntilMicros : nil
        let waitMicros = now.flatMap { now in untilMicros.map { $0 - now.monotonicMicros } } ?? 0
        return HostPace(
            host: host.key.text, wait: .microseconds(max(0, waitMicros)),
            requestsPerSecond: pacing.perSecond)
    }
}
