/// Pauses what nothing gets through: a host that is out of reach, or this machine.
///
/// Without it a name server that is gone for a minute burns every attempt of every job. It counts
/// failures with no answer in between; at `threshold` it pauses, then lets a few jobs probe, and
/// doubles the pause (1 s, 2 s, 4 s, … 60 s) until one is answered.
///
///     closed ──threshold failures in a row──▶ open ──pause over──▶ probing
///        ▲                                     ▲                    │ │
///        └──────────────── answered ───────────┼────────────────────┘ │
///                                              └────── failed ────────┘
struct Breaker {
    private enum State: Equatable {
        case closed(failures: Int)
        case open(untilMicros: Int, pauseMicros: Int)
        /// Was open; `allowed` looks at the clock and lets a few through.
        case probing(pauseMicros: Int)
    }

    /// Failures of a host in a row before it is out of reach.
    static let threshold = 20
    static let probes = 4
    static let shortestPauseMicros = 1_000_000
    static let longestPauseMicros = 60_000_000

    /// 1 where a single failure tells: of this machine.
    private let threshold: Int
    private var state = State.closed(failures: 0)
    /// When it first opened since the last answer; `nil` while closed.
    private(set) var troubledSinceMicros: Int?

    init(threshold: Int = Breaker.threshold) { self.threshold = threshold }

    /// Whether attempts that fail are given back instead of counted.
    var isTripped: Bool { troubledSinceMicros != nil }

    /// Whether it has nothing to remember.
    var isAtRest: Bool { state == .closed(failures: 0) }

    var pausedUntilMicros: Int? {
        if case .open(let until, _) = state { until } else { nil }
    }

    /// How many of `limit` jobs may go out now.
    mutating func allowed(_ limit: Int, inFlight: Int, at now: Now) -> Int {
        if case .open(let until, let pause) = state, now.monotonicMicros >= until {
            state = .probing(pauseMicros: pause)
        }
        return switch state {
        case .closed: limit
        case .open: 0
        case .probing: min(limit, max(0, Self.probes - inFlight))
        }
    }

    /// Something got through.
    mutating func answered() {
        if case .open(let until, _) = state {
            // A straggler's: what was sent before says nothing of now. But where one of several
            // probes failed and others are answered, the next pause is a short one again.
            state = .open(untilMicros: until, pauseMicros: Self.shortestPauseMicros / 2)
            return
        }
        state = .closed(failures: 0)
        troubledSinceMicros = nil
    }

    /// Attempts failed, with nothing that got through beside them.
    mutating func failed(_ count: Int, at now: Now) {
        switch state {
        case .closed(let failures):
            if failures + count < threshold {
                state = .closed(failures: failures + count)
            } else {
                open(pauseMicros: Self.shortestPauseMicros, now)
            }
        case .probing(let pause):
            open(pauseMicros: min(2 * pause, Self.longestPauseMicros), now)
        case .open:
            break  // stragglers of before
        }
    }

    private mutating func open(pauseMicros: Int, _ now: Now) {
        state = .open(untilMicros: now.monotonicMicros + pauseMicros, pauseMicros: pauseMicros)
        troubledSinceMicros = troubledSinceMicros ?? now.monotonicMicros
    }
}
