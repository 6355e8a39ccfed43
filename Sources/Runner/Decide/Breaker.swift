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

    /// Whether the host is left alone because it said so, and not for being out of reach.
    private(set) var isAsked = false

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
        isAsked = false
    }

    /// Leaves the host alone until a time, since it refuses what it is asked, and says for how long
    /// or not. Then it is probed as one that was out of reach; where it refuses the probes, too, the
    /// next pause is twice as long, or as long as it says.
    ///
    /// - Parameters:
    ///   - askedMicros: The time in µs that the host asks for; 0 for none.
    mutating func refused(askedMicros: Int, at now: Now) {
        var pause = Self.pauseMicrosMin
        switch state {
        case .closed: break
        case .probing(let before): pause = min(2 * before, Self.pauseMicrosMax)
        case .open(let until, let before):
            // A straggler may ask for more.
            let asked = now.monotonicMicros + askedMicros
            guard asked > until else { return }
            isAsked = true
            state = .open(untilMicros: asked, pauseMicros: before)
            return
        }
        isAsked = askedMicros > 0
        open(pauseMicros: pause, now)
        guard askedMicros > pause else { return }
        state = .open(untilMicros: now.monotonicMicros + askedMicros, pauseMicros: pause)
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
