/// Finds the rate that a host takes, by its refusals. Pure.
///
/// While nothing is refused, the rate rises: by half each second until the host has refused for the
/// first time, then by a twentieth, and by a hundredth near the rate at which it refused last. After
/// some refusals it falls a little below the rate that was answered before. So a host that allows 50
/// requests a second gets 48 to 51, and refuses one in fifty.
///
/// Multiplicative decrease to what was answered, with a plateau at the last refusal as in CUBIC
/// (RFC 9438, 4.2). Where the rate falls to a half and the same part is refused still, these refusals
/// are no matter of the rate: the rate is what it was again, and that part is expected from then on.
/// Measured beside a CUBIC controller as cloud clients have it, which gets less
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
    private var fall: Fall?
    /// The part of the answers that are refusals at any rate, a half at most.
    private var ownPart = 0.0
    /// The most that `ownPart` is until another fall has told more.
    private var ownPartMax = 0.0
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

    /// Rates that fall because of refusals, and what came of it.
    private struct Fall {
        /// The rate that the first of them was, and the one since which answers are counted.
        let topPerSecond, fromPerSecond: Double
        /// The part that was refused before the answers that are counted; `nil` until it is known.
        var part: Double?
        /// The answers, refusals left out: until the rate is half of `fromPerSecond` to tell `part`,
        /// from then on to tell whether less is refused.
        var answered = 0
        var refused = 0
        var windows = 0
        var isLow = false

        var count: Int { answered + refused }
        var countedPart: Double { Double(refused) / Double(max(1, count)) }

        /// Takes in a window.
        mutating func add(answered: Int, refused: Int, at perSecond: Double) {
            if !isLow, perSecond <= max(fromPerSecond / 2, RateControl.perSecondMin) {
                if count > 0 { part = countedPart }
                (isLow, self.answered, self.refused) = (true, 0, 0)
            }
            self.answered += answered
            self.refused += refused
            windows += 1
        }
    }

    /// The least rate: a request in twenty seconds.
    static let perSecondMin = 0.05
    /// The rate from which on a host counts as one without bounds.
    static let perSecondMax = 100_000.0
    private static let windowMicros = 1_000_000
    /// The fewest answers that a window is judged by.
    private static let answersMin = 25
    /// The answers and windows by which a fall to more than a half of the rate is judged.
    private static let fallAnswersMax = 400
    private static let fallWindowsMax = 12
    /// The least part that counts as refused at any rate. A host with a bound refuses less of what is
    /// sent near that.
    private static let ownPartMin = 0.04
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
        let answersMin = ceiling == nil && ownPart == 0 ? 1 : Self.answersMin
        let isLong = micros >= Self.windowMicros && self.answered + self.refused >= answersMin
        // Not to the end of the second: enough was refused to know.
        let isClear =
            Double(self.refused) >= max(2, 0.05 * perSecond)
            && (ownPart == 0 || self.answered + self.refused >= 10 && isRefused)
        guard isLong || isClear else { return false }
        judgeWindow(of: Double(max(1, micros)) / 1_000_000)
        begin(at: now)
        return true
    }

    /// Whether more is refused than chance and the refusals at any rate explain.
    private var isRefused: Bool {
        let count = Double(answered + refused)
        let part = ownPart + Self.refusedPart
        guard ownPart > 0 else { return Double(refused) > max(1, part * count) }
        // Two and a half standard deviations of a binomial distribution.
        return Double(refused) > part * count + 2.5 * (part * (1 - part) * count).squareRoot()
    }

    private mutating func judgeWindow(of seconds: Double) {
        let count = Double(answered + refused)
        let rate = Double(answered) / seconds
        if isRefused, fall == nil {
            fall = Fall(topPerSecond: perSecond, fromPerSecond: perSecond)
        }
        fall?.add(answered: answered, refused: refused, at: perSecond)
        defer { judgeFall() }
        if isRefused {
            ceiling = perSecond
            cleanWindows = 0
            // Of few answers the rate says little.
            let measured = count >= 30 ? rate : 0
            let lower = max(perSecond / 2, measured, min(answeredPerSecond, perSecond) * 0.93)
            perSecond = Self.bounded(min(perSecond * 0.97, lower))
        } else {
            cleanWindows += 1
            answeredPerSecond = rate
            ownPart = min(ownPartMax, ownPart + (Double(refused) / count - ownPart) / 20)
            // Where jobs are too few to reach the rate, it says nothing that they were answered.
            guard rate >= 0.7 * (1 - ownPart) * perSecond else { return }
            perSecond = Self.bounded(perSecond * growth)
        }
    }

    /// Finds out whether it was of use that the rate fell.
    private mutating func judgeFall() {
        guard let fall else { return }
        if perSecond >= fall.fromPerSecond {
            self.fall = nil
            return
        }
        let isLong = fall.count >= Self.fallAnswersMax && fall.windows > Self.fallWindowsMax
        guard fall.isLow && fall.count >= Self.answersMin || isLong else { return }
        let part = fall.countedPart
        guard let before = fall.part, part >= 0.7 * before, part > Self.ownPartMin else {
            // It was of use, or the first windows were chance.
            self.fall =
                part > Self.ownPartMin
                ? Fall(topPerSecond: fall.topPerSecond, fromPerSecond: perSecond, part: part)
                : nil
            return
        }
        ownPartMax = min(part, 0.5)
        ownPart = ownPartMax
        perSecond = fall.topPerSecond
        answeredPerSecond = perSecond
        ceiling = nil
        cleanWindows = 0
        self.fall = nil
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
        fall = nil
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
