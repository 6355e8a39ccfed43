/// Events per second over the last few seconds.
struct RateMeter {
    private var samples: [(atMicros: Int, count: Int)] = []
    private var startMicros: Int?
    private let windowMicros = 5_000_000

    /// Adds what happened up to now.
    mutating func add(_ count: Int, at now: Now) {
        startMicros = startMicros ?? now.monotonicMicros
        // At most a sample each 100 ms, so at most 50.
        if let last = samples.last, now.monotonicMicros - last.atMicros < 100_000 {
            samples[samples.count - 1].count += count
        } else {
            samples.append((now.monotonicMicros, count))
        }
        samples.removeAll { $0.atMicros <= now.monotonicMicros - windowMicros }
    }

    func perSecond(at now: Now) -> Double {
        guard let startMicros else { return 0 }
        let spanMicros = min(windowMicros, max(100_000, now.monotonicMicros - startMicros))
        let count = samples.reduce(0) {
            $1.atMicros > now.monotonicMicros - windowMicros ? $0 + $1.count : $0
        }
        return Double(count) * 1_000_000 / Double(spanMicros)
    }
}
