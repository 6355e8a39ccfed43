/// Pauses a host that is out of reach, or this machine, while nothing gets through.
///
/// Without a breaker, a name server that is gone for a minute burns every attempt of every job. The
/// breaker counts failures with no answer in between. At `threshold` failures it pauses, then lets
/// a few jobs probe, and doubles the pause (1 s, 2 s, 4 s, … 60 s) until a probe is answered.
///
///     closed ──threshold failures in a row──▶ open ──pause over──▶ probing
///        ▲                                     ▲                    │ │
///        └──────────────── answered ───────────┼────────────────────┘ │
///                                              └────── failed ────────┘
struct Breaker {
    private enum State: Equatable {
        case closed(failures: Int)
        case open(untilMicros: Int, pauseMicros: Int)
        /// The pause is over, as `allowed` saw on the clock; a few jobs may go out.
        case probing(pauseMicros: Int)
    }

    /// Failures of a host in a row before it is out of reach.
    static let threshold = 20
    static let probes = 4
    static let pauseMicrosMin = 1_000_000
    static let pauseMicrosMax = 60_000_000

    /// The number of failures in a row before a pause; 1 for this machine, where a single failure
    /// tells.
    private let threshold: Int
    private var state = State.closed(failures: 0)
    /// The time in µs on the monotonic clock when the breaker first opened since the last answer;
    /// `nil` while closed.
    private(set) var troubledSinceMicros: Int?

    init(threshold: Int = Breaker.threshold) { self.threshold = threshold }

    /// Whether attempts that fail are given back instead of counted.
    var isTripped: Bool { troubledSinceMicros != nil }

    /// Whether the breaker has nothing to remember.
    var isAtRest: Bool { state == .closed(failures: 0) }

    var pausedUntilMicros: Int? {
        if case .open(let until, _) = state { until } else { nil }
    }

    /// Returns the number of jobs, up to `limit`, that may go out now.
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

    /// Notes that a request got through.
    mutating func answered() {
        if case .open(let until, _) = state {
            // A straggler's: what was sent before says nothing of now. But where one of several
            // probes failed and others are answered, the next pause is a short one again.
            state = .open(untilMicros: until, pauseMicros: Self.pauseMicrosMin / 2)
            return
        }
        state = .closed(failures: 0)
        troubledSinceMicros = nil
    }

    /// Notes that attempts failed, with none beside them that got through.
    mutating func failed(_ count: Int, at now: Now) {
        switch state {
        case .closed(let failures):
            if failures + count < threshold {
                state = .closed(failures: failures + count)
            } else {
                open(pauseMicros: Self.pauseMicrosMin, now)
            }
        case .probing(let pause):
            open(pauseMicros: min(2 * pause, Self.pauseMicrosMax), now)
        case .open:
            break  // stragglers of before
        }
    }

    private mutating func open(pauseMicros: Int, _ now: Now) {
        state = .open(untilMicros: now.monotonicMicros + pauseMicros, pauseMicros: pauseMicros)
        troubledSinceMicros = troubledSinceMicros ?? now.monotonicMicros
    }
}
