/// Pauses the run when nothing gets through: trouble of this machine, or of the one host.
///
/// Without it a name server that is gone for a minute burns every attempt of every job. It counts
/// failures to reach the host with no answer in between; at `threshold` it pauses, then lets a
/// few jobs probe, and doubles the pause (1 s, 2 s, 4 s, … 60 s) until one is answered.
///
///     closed ──threshold failures in a row, or local trouble──▶ open ──pause over──▶ probing
///        ▲                                                        ▲                    │ │
///        └────────────────────────────── answered ────────────────┼────────────────────┘ │
///                                                                 └────── failed ────────┘
struct Breaker {
    private enum State: Equatable {
        case closed(failures: Int)
        case open(untilMicros: Int, pauseMicros: Int)
        /// Was open; `allowed` looks at the clock and lets a few through.
        case probing(pauseMicros: Int)
    }

    static let threshold = 20
    static let probes = 4
    static let shortestPauseMicros = 1_000_000
    static let longestPauseMicros = 60_000_000

    private var state = State.closed(failures: 0)
    /// When it first opened since the last answer; `nil` while closed.
    private(set) var troubledSinceMicros: Int?
    /// The `errno` when the trouble is this machine's.
    private(set) var localError: Int32?

    /// Whether attempts that fail to reach the host are given back instead of counted.
    var isTripped: Bool { troubledSinceMicros != nil }

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

    mutating func ended(_ turn: TurnReport, at now: Now) {
        if turn.answered > 0 && turn.localError == nil {
            // While open it is a straggler's: what was sent before says nothing of now.
            if case .open = state { return }
            state = .closed(failures: 0)
            troubledSinceMicros = nil
            localError = nil
            return
        }
        guard turn.unreachable > 0 || turn.localError != nil else { return }
        switch state {
        case .closed(let failures):
            let failures = failures + turn.unreachable
            if turn.localError == nil && failures < Self.threshold {
                state = .closed(failures: failures)
            } else {
                open(pauseMicros: Self.shortestPauseMicros, turn, now)
            }
        case .probing(let pause):
            open(pauseMicros: min(2 * pause, Self.longestPauseMicros), turn, now)
        case .open:
            break  // stragglers of before
        }
    }

    private mutating func open(pauseMicros: Int, _ turn: TurnReport, _ now: Now) {
        state = .open(untilMicros: now.monotonicMicros + pauseMicros, pauseMicros: pauseMicros)
        troubledSinceMicros = troubledSinceMicros ?? now.monotonicMicros
        localError = turn.localError
    }
}
