internal import JobStore

/// The limits at which a run stops, to be resumed later.
public struct StopLimits: Sendable, Equatable {
    /// The limits that there are.
    public enum Limit: Sendable, Equatable {
        case failures
        case runTime
        case until
        case bodyBytes
    }

    /// A bound on the jobs that fail for good.
    public enum Failures: Sendable, Equatable {
        /// So many, 1 or more.
        case count(Int)
        /// So many of a hundred jobs that are done, once `shareMin` are.
        case percent(Double)

        /// The number of jobs that must be done before a share of them is looked at.
        public static let shareMin = 100
    }

    /// The failures of this run at which it stops; `nil` for no bound.
    public var failuresMax: Failures?
    /// The time from the run's begin; `nil` for no bound.
    public var runTimeMax: Duration?
    /// The moment at which the run stops, as Unix time in µs; `nil` for none.
    public var untilMicros: Int?
    /// The bytes of bodies, of all attempts of this run; `nil` for no bound.
    public var bodyBytesMax: Int?

    public init() {}

    /// Whether a limit is set.
    var isAny: Bool { self != StopLimits() }

    /// The attempts of a run that ended.
    struct Ended: Equatable {
        /// Jobs that are completed or have failed.
        var done = 0
        var failed = 0
        var bodyBytes = 0

        static func += (sum: inout Ended, added: Ended) {
            sum.done += added.done
            sum.failed += added.failed
            sum.bodyBytes += added.bodyBytes
        }
    }

    /// Returns a limit that is reached by what has ended; `nil` while none is.
    func reached(by ended: Ended) -> Limit? {
        switch failuresMax {
        case .count(let count) where ended.failed >= count: return .failures
        case .percent(let percent)
        where ended.done >= Failures.shareMin
            && Double(ended.failed) * 100 >= percent * Double(ended.done):
            return .failures
        case .count, .percent, nil: break
        }
        if let bodyBytesMax, ended.bodyBytes >= bodyBytesMax { return .bodyBytes }
        return nil
    }

    /// Returns a limit that is reached by the clock; `nil` while none is.
    func reached(at now: Now, since startMicros: Int) -> Limit? {
        if let runTimeMax, now.monotonicMicros - startMicros >= runTimeMax.microseconds {
            return .runTime
        }
        if let untilMicros, now.wallMicros >= untilMicros { return .until }
        return nil
    }

    /// The time in µs until a limit by the clock is reached; `nil` when there is none.
    func microsLeft(at now: Now, since startMicros: Int) -> Int? {
        [
            runTimeMax.map { startMicros + $0.microseconds - now.monotonicMicros },
            untilMicros.map { $0 - now.wallMicros },
        ].compactMap(\.self).min().map { max(0, $0) }
    }
}
