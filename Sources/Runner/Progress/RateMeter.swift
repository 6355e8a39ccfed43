/// Measures events per second over the last few seconds, however seldom events are reported.
struct RateMeter {
    /// Totals at moments at least 100 ms apart; the first lies a window back, or at the start.
    private var totals: [(atMicros: Int, total: Int)]
    private var total = 0
    private let windowMicros = 5_000_000
    private let stepMicros = 100_000

    init(at now: Now) { totals = [(now.monotonicMicros, 0)] }

    /// Adds the events since the last call.
    mutating func add(_ count: Int, at now: Now) {
        total += count
        if let last = totals.last, totals.count > 1,
            now.monotonicMicros - last.atMicros < stepMicros
        {
            totals[totals.count - 1].total = total
        } else {
            totals.append((now.monotonicMicros, total))
        }
        while totals.count > 2, totals[1].atMicros <= now.monotonicMicros - windowMicros {
            totals.removeFirst()
        }
    }

    func perSecond(at now: Now) -> Double {
        // A tenth of a second at least, so that the first few do not look like millions.
        let spanMicros = max(stepMicros, now.monotonicMicros - totals[0].atMicros)
        return Double(total - totals[0].total) * 1_000_000 / Double(spanMicros)
    }
}
