internal import JobStore
internal import Synchronization

/// Something that happened to a run, in one line.
public struct RunEvent: Codable, Sendable, Equatable {
    public enum Level: String, Codable, Sendable, CaseIterable {
        case info, warning
    }

    /// The number of the event, counted from 1.
    public let number: Int
    /// The Unix time in µs.
    public let atMicros: Int
    public let level: Level
    public let text: String
}

/// The latest sample of a run, its course, its events and some of its failures: all that views show,
/// for views on any thread. Of bounded size.
public final class RunMonitor: Sendable {
    /// The state at one moment.
    public struct State: Sendable {
        /// `nil` before the first sample.
        public internal(set) var latest: RunSample?
        public internal(set) var history = RunHistory()
        /// The latest events, the earliest first.
        public internal(set) var events: [RunEvent] = []
        /// The latest failures, the earliest first: a few of each outcome.
        public internal(set) var failures: [AttemptFailure] = []
    }

    private let locked = Locked(State())
    private static let eventsMax = 200
    /// The most failures of one outcome, and of all.
    private static let failuresOfOutcomeMax = 20
    private static let failuresMax = 300

    public init() {}

    /// Takes in a sample.
    ///
    /// - Parameter isNew: Whether its figures are others than those of the sample before. Those of a
    ///   run in another process may be looked at twice, and say nothing of its course then.
    public func add(_ sample: RunSample, isNew: Bool = true) {
        locked.withLock { state in
            state.latest = sample
            if isNew { state.history.add(sample) }
            guard !sample.failures.isEmpty else { return }
            state.failures += sample.failures
            var counts: [String: Int] = [:]
            // The latest of each outcome stay.
            let kept = state.failures.reversed().filter { failure in
                counts[failure.outcome, default: 0] += 1
                return counts[failure.outcome, default: 0] <= Self.failuresOfOutcomeMax
            }
            state.failures = kept.prefix(Self.failuresMax).reversed()
        }
    }

    /// Takes in an event that happens now.
    public func note(_ text: String, _ level: RunEvent.Level = .info) {
        locked.withLock { state in
            let number = (state.events.last?.number ?? 0) + 1
            if state.events.count >= Self.eventsMax { state.events.removeFirst() }
            state.events.append(
                RunEvent(
                    number: number, atMicros: Now.read().wallMicros, level: level, text: text))
        }
    }

    /// Reads the state, which nothing changes meanwhile: for a moment only.
    public func read<Result>(_ body: (State) -> Result) -> Result {
        locked.withLock { body($0) }
    }
}
