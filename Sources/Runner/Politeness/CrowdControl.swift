/// Finds the number of requests in flight at which a host answers most. Pure.
///
/// A host may begin with as many as there are workers. Once answers take twice as long as they did
/// at best, fewer in flight are tried, and kept where the host answers as many a second as before:
/// a host that merely takes its time loses nothing but the moment of the trial. From time to time a
/// few more are tried.
///
/// A crowd that is there from the first second on is not seen: nobody knows how long an answer takes
/// without it, and to try costs a host that merely takes its time more than it gains.
///
/// Hill climbing on answers a second, not on latency: a bound by latency alone (as in TCP Vegas)
/// gives hosts that are slow and not crowded too few requests (`docs/decisions/0014`).
struct CrowdControl: Sendable {
    /// The most requests in flight; `.max` where the host has shown no bound.
    private(set) var inFlightMax = Int.max
    /// The least mean time of an answer so far, in µs.
    private var latencyMin = Double.infinity
    private var trial: Trial?
    /// The time in µs on the monotonic clock before which no higher bound is tried.
    private var nextTrialMicros = 0
    private var trialPauseMicros = Self.trialPauseMicrosMin
    private var window = Window()
    /// Whether answers took too long in the last window. The next one is compared with: in this one
    /// answers were quicker at first.
    private var isSuspect = false
    /// The number of trials of fewer that were given up.
    private var rejections = 0

    /// A bound that is tried.
    private struct Trial {
        /// The bound before.
        var inFlightMaxBefore: Int
        /// The answers a second before.
        var perSecondBefore: Double
        /// The step from one bound to the next.
        var factor: Double
    }

    private struct Window {
        /// The time from which on it counts; `nil` before the first answer.
        var beginMicros: Int?
        var passedMicros = 0
        /// The sum, over the time, of requests in flight.
        var workerMicros = 0.0
        var ended = 0
    }

    /// The fewest requests in flight at which a host can be crowded.
    static let crowdMin = 16
    private static let windowMicros = 1_000_000
    /// The window's length in µs from which on few answers are enough.
    private static let longWindowMicros = 5_000_000
    private static let endedMin = 200
    /// The longest time of an answer in µs that is waited for before a bound is judged.
    private static let latencyMicrosMax = 15_000_000.0
    private static let trialPauseMicrosMin = 5_000_000
    private static let trialPauseMicrosMax = 60_000_000

    /// Takes in that requests ended, and the time since the call before.
    ///
    /// - Parameters:
    ///   - answered: Those of them that the host answered well.
    ///   - inFlight: The requests in flight in all that time.
    mutating func add(answered: Int, inFlight: Int, at now: Now) {
        let time = now.monotonicMicros
        defer { window.passedMicros = time }
        guard let begin = window.beginMicros else {
            window.beginMicros = time
            return
        }
        guard time > begin else { return }
        let from = max(window.passedMicros, begin)
        window.workerMicros += Double(inFlight) * Double(time - from)
        window.ended += answered
        let micros = time - begin
        let latency = window.workerMicros / Double(max(1, window.ended))
        // What was sent in a wave comes back in one: some waves.
        guard micros >= max(Self.windowMicros, Int(min(3 * latency, Self.latencyMicrosMax))),
            window.ended >= Self.endedMin || micros >= Self.longWindowMicros
        else { return }
        judge(
            perSecond: Double(window.ended) * 1_000_000 / Double(micros),
            inFlight: window.workerMicros / Double(micros), latency: latency, at: now)
    }

    private mutating func judge(
        perSecond: Double, inFlight: Double, latency: Double, at now: Now
    ) {
        let before = inFlightMax
        if let trial {
            judge(trial, perSecond, latency, at: now)
        } else {
            latencyMin = min(latencyMin, latency)
            let wasSuspect = isSuspect
            isSuspect = latency > 2 * latencyMin && inFlight >= Double(Self.crowdMin)
            if isSuspect, wasSuspect {
                isSuspect = false
                let factor = latency > 4 * latencyMin ? 0.5 : 0.7
                begin(factor, from: min(inFlightMax, Int(inFlight)), perSecond)
            } else if inFlightMax != .max, now.monotonicMicros >= nextTrialMicros {
                if inFlight >= 0.9 * Double(inFlightMax) {
                    begin(1.15, from: inFlightMax, perSecond)
                } else if inFlight < 0.5 * Double(inFlightMax) {
                    inFlightMax = .max  // it bounds nothing
                }
            }
        }
        // What was sent under the old bound ends first.
        let isSame = before == inFlightMax
        let settleMicros = isSame ? 0 : Int(min(latency, Self.latencyMicrosMax))
        window = Window(
            beginMicros: now.monotonicMicros + settleMicros, passedMicros: now.monotonicMicros)
    }

    private mutating func judge(
        _ trial: Trial, _ perSecond: Double, _ latency: Double, at now: Now
    ) {
        let isUp = trial.factor > 1
        let least = trial.perSecondBefore * (isUp ? 1.03 : 0.95)
        if perSecond >= least {
            trialPauseMicros = Self.trialPauseMicrosMin
            latencyMin = min(latencyMin, latency)
            if inFlightMax > 1 {
                // The crowd is the trouble: to its end in larger steps.
                let isMuchBetter = !isUp && perSecond >= 1.1 * trial.perSecondBefore
                begin(
                    isMuchBetter ? 0.5 : trial.factor, from: inFlightMax,
                    max(perSecond, trial.perSecondBefore))
                return
            }
        } else {
            inFlightMax = trial.inFlightMaxBefore
            if !isUp, trial.factor < 0.85, inFlightMax > Self.crowdMin / 2 {
                begin(0.87, from: inFlightMax, trial.perSecondBefore)
                return
            }
            // As slow as this it is at best, with so many in flight: by two trials, since what the
            // first was compared with may be from before the crowd.
            rejections += 1
            if rejections.isMultiple(of: 2) { latencyMin = max(latencyMin, latency) }
            trialPauseMicros = min(2 * trialPauseMicros, Self.trialPauseMicrosMax)
        }
        self.trial = nil
        nextTrialMicros = now.monotonicMicros + trialPauseMicros
    }

    private mutating func begin(_ factor: Double, from bound: Int, _ perSecond: Double) {
        trial = Trial(inFlightMaxBefore: bound, perSecondBefore: perSecond, factor: factor)
        let next = Int((Double(bound) * factor).rounded(factor > 1 ? .up : .down))
        inFlightMax = max(1, next)
    }
}
