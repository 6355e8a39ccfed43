internal import JobStore

/// Decides which sealed file is handed over next, and when there is nothing left to wait for. Pure:
/// its callers tell it the time.
struct HandOverPlan {
    /// The next thing to do.
    enum Step: Equatable {
        case hand(SealedFile)
        /// Nothing is due before this time, on the monotonic clock; `nil`: until a file is sealed.
        case wait(untilMicros: Int?)
        /// All is handed over, or what is left is the next run's.
        case ended
    }

    private struct Due {
        let file: SealedFile
        var failures = 0
        var notBeforeMicros = 0
    }

    /// Files in the order in which they came.
    private var due: [Due] = []
    /// The time since which nothing but files to be handed over has kept the run; `nil` before.
    private var closedMicros: Int?
    /// The time by which all has to end; `nil` while there is none.
    private var endMicros: Int?
    private var isStopped = false
    private var lastSuccessMicros = 0
    private let graceMicros: Int
    private let stallMicrosMax: Int
    private let backoff = Backoff()

    /// - Parameters:
    ///   - grace: The time that is left from a stop on.
    ///   - stallMax: The time for which a run that has fetched all waits without any success.
    init(grace: Duration, stallMax: Duration) {
        graceMicros = grace.microseconds
        stallMicrosMax = stallMax.microseconds
    }

    /// The number of files that are yet to be handed over.
    var count: Int { due.count }

    mutating func add(_ files: [SealedFile]) {
        due += files.filter { place in
            place.file.isSealed && !place.file.isHandedOver && place.file.bytes > 0
        }.map { Due(file: $0) }
    }

    /// Told that the run was asked to stop.
    mutating func stop(at now: Now) {
        guard !isStopped else { return }
        isStopped = true
        endMicros = min(endMicros ?? .max, now.monotonicMicros + graceMicros)
    }

    /// Told that no more files will come.
    ///
    /// - Parameter isFinished: Whether everything is fetched: then there is all the time that one
    ///   success after another takes, and else as much as after a stop.
    mutating func close(isFinished: Bool, at now: Now) {
        closedMicros = now.monotonicMicros
        if !isFinished { stop(at: now) }
    }

    /// Whether a command that runs is to be ended.
    func isOver(at now: Now) -> Bool {
        guard let endMicros, now.monotonicMicros >= endMicros else { return false }
        return true
    }

    mutating func next(at now: Now) -> Step {
        let time = now.monotonicMicros
        if isOver(at: now) { return .ended }
        guard let closedMicros else { return step(at: time) }
        if due.isEmpty { return .ended }
        if isStopped {
            // Those that failed have a time of their own, which the next run has.
            guard due.contains(where: { $0.failures == 0 }) else { return .ended }
        } else if time - max(closedMicros, lastSuccessMicros) >= stallMicrosMax {
            return .ended
        }
        return step(at: time)
    }

    private func step(at time: Int) -> Step {
        let eligible = isStopped ? due.filter { $0.failures == 0 } : due
        if let next = eligible.first(where: { $0.notBeforeMicros <= time }) {
            return .hand(next.file)
        }
        return .wait(untilMicros: eligible.map(\.notBeforeMicros).min())
    }

    /// Told that a file was handed over.
    mutating func succeeded(_ file: SealedFile, at now: Now) {
        lastSuccessMicros = now.monotonicMicros
        due.removeAll { $0.file.path == file.path }
    }

    /// Told that the command failed for a file.
    ///
    /// - Returns: The wait in µs before the file's next turn.
    mutating func failed(
        _ file: SealedFile, at now: Now, using random: inout some RandomNumberGenerator
    ) -> Int {
        guard let index = due.firstIndex(where: { $0.file.path == file.path }) else { return 0 }
        due[index].failures += 1
        let wait = backoff.waitMicros(afterAttempt: due[index].failures, using: &random)
        due[index].notBeforeMicros = now.monotonicMicros + wait
        return wait
    }
}
