/// Finds the rate that a host takes, by its refusals. Pure.
///
/// While nothing is refused, the rate rises: by half each second until the host has refused for the
/// first time, then by a twentieth, and by a hundredth near the rate at which it refused last. After
/// some refusals it falls a little below the rate that was answered before. So a host that allows 50
/// requests a second gets 48 to 51, and refuses one in fifty.
///
/// Multiplicative decrease to what was answered, with a plateau at the last refusal as in CUBIC
/// (RFC 9438, 4.2). Measured beside a CUBIC controller as cloud clients have it, which gets less
/// out of a host that allows no bursts (`docs/decisions/0014`).
struct RateControl: Sendable {
    /// Requests a second.
    private(set) var perSecond: Double
    /// The rate at which the host refused last; `nil` before it did since the last trip.
    private var ceiling: Double?
    /// The rate of answers in the last window without refusals.
    private var answeredPerSecond: Double
    /// The number of windows in a row without refusals.
    private var cleanWindows = 0
    /// The answers since the window began, refusals left out.
    private var answered = 0
    private var refused = 0
    private var sinceMicros: Int
    /// The answers to what was sent before the rest, by which the rate to begin with is estimated.
    private var estimate: Estimate?

    /// The answers up to a rest, as if none came until its end.
    struct Estimate {
        var answered: Int
        var sinceMicros: Int
        let restUntilMicros: Int

        var perSecond: Double {
            Double(answered) * 1_000_000 / Double(max(1_000_000, restUntilMicros - sinceMicros))
        }
    }

    /// The least rate: a request in twenty seconds.
    static let perSecondMin = 0.05
    /// The rate from which on a host counts as one without bounds.
    static let perSecondMax = 100_000.0
    private static let windowMicros = 1_000_000
    /// The fewest answers that a window is judged by.
    private static let answersMin = 25
    /// The part of a window's answers that may be refusals: chance.
    private static let refusedPart = 0.02

    /// Begins with a rate that is known.
    init(perSecond: Double, at now: Now) {
        self.perSecond = Self.bounded(perSecond)
        answeredPerSecond = self.perSecond
        sinceMicros = now.monotonicMicros
    }

    /// Begins with the rate of the answers before a rest; at least a request a second is tried.
    init(_ estimate: Estimate) {
        self.estimate = estimate
        perSecond = Self.bounded(max(1, estimate.perSecond))
        answeredPerSecond = perSecond
        sinceMicros = estimate.restUntilMicros
    }

    /// Takes in answers.
    ///
    /// - Returns: Whether the rate has changed.
    mutating func add(answered: Int, refused: Int, at now: Now) -> Bool {
        // What was sent before the rest says no more than how much was answered then.
        guard now.monotonicMicros > sinceMicros else {
            estimate?.answered += answered
            guard let better = estimate?.perSecond, better > perSecond else { return false }
            perSecond = Self.bounded(better)
            return true
        }
        self.answered += answered
        self.refused += refused
        let micros = now.monotonicMicros - sinceMicros
        let answersMin = ceiling == nil ? 1 : Self.answersMin
        let isLong = micros >= Self.windowMicros && self.answered + self.refused >= answersMin
        // Not to the end of the second: enough was refused to know.
        let isClear = Double(self.refused) >= max(2, 0.05 * perSecond)
        guard isLong || isClear else { return false }
        judgeWindow(of: Double(max(1, micros)) / 1_000_000)
        begin(at: now)
        return true
    }

    private mutating func judgeWindow(of seconds: Double) {
        let count = Double(answered + refused)
        let rate = Double(answered) / seconds
        if Double(refused) > max(1, Self.refusedPart * count) {
            ceiling = perSecond
            cleanWindows = 0
            // Of few answers the rate says little.
            let measured = count >= 30 ? rate : 0
            let lower = max(perSecond / 2, measured, min(answeredPerSecond, perSecond) * 0.93)
            perSecond = Self.bounded(min(perSecond * 0.97, lower))
        } else {
            cleanWindows += 1
            answeredPerSecond = rate
            // Where jobs are too few to reach the rate, it says nothing that they were answered.
            guard rate >= 0.7 * perSecond else { return }
            perSecond = Self.bounded(perSecond * growth)
        }
    }

    private var growth: Double {
        guard let ceiling else { return 1.5 }
        if perSecond < 0.8 * ceiling { return 1.25 }
        // The host may allow more by now.
        if cleanWindows > 20 { return min(2, 1.05 + 0.05 * Double(cleanWindows - 20)) }
        return perSecond * 1.05 > 0.95 * ceiling ? 1.01 : 1.05
    }

    /// Takes in that the host refused most of what it was asked, and is left alone until a time.
    mutating func tripped(restUntilMicros: Int, at now: Now) {
        estimate = Estimate(
            answered: answered, sinceMicros: sinceMicros, restUntilMicros: restUntilMicros)
        let rate = estimate?.perSecond ?? 0
        ceiling = nil
        cleanWindows = 0
        perSecond = Self.bounded(min(max(rate, perSecond / 4), perSecond * 0.9))
        answeredPerSecond = perSecond
        begin(at: now)
        sinceMicros = restUntilMicros
    }

    /// Leaves out the time until now, in which fewer requests were made than the host takes.
    mutating func measureAnew(at now: Now) {
        if now.monotonicMicros > sinceMicros { begin(at: now) }
    }

    private mutating func begin(at now: Now) {
        (answered, refused) = (0, 0)
        sinceMicros = now.monotonicMicros
    }

    /// Whether the host shows no bound any more.
    var isFree: Bool { perSecond >= Self.perSecondMax }

    private static func bounded(_ rate: Double) -> Double {
        min(max(rate, perSecondMin), perSecondMax)
    }
}
