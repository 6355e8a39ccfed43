internal import JobStore

/// The jobs that wait for a retry, and the time when the queue is asked for those that are due. Pure.
///
/// `held` of `waiting` jobs are with the run, the others in the queue. No field tells of single jobs:
/// these are in the queue alone.
struct Retries {
    /// Jobs that wait for a retry which this runner may be handed, those it has leased included.
    private(set) var waiting: Int
    /// The retries that this run has leased.
    private(set) var held = 0
    /// The number of marks taken in of jobs that wait for a retry.
    private var marks: UInt32 = 0
    /// The value of `marks` when the queue was last asked for retries.
    private var marksAtClaim: UInt32 = 0
    /// The next retry that waits; `nil` when none is known to wait.
    private var next: Next?
    /// The longest time in µs for which the queue is not asked while a retry waits.
    private let lookMicros: Int
    /// The shortest time in µs from one question to the next, while there is something else to do.
    private let gatherMicros: Int
    /// The time in µs on the monotonic clock when the queue was last asked; `nil` before.
    private var askedMicros: Int?

    /// A retry that waits; times are in µs on the monotonic clock.
    private struct Next {
        var dueMicros: Int
        /// When the queue is asked, due or not.
        var lookMicros: Int
    }

    /// - Parameters:
    ///   - waiting: The number of jobs that wait in the queue.
    ///   - lookMicros: The longest time in µs for which the queue is not asked while a retry waits.
    ///   - gatherMicros: The shortest time in µs from one question to the next, while there is
    ///     something else to do.
    init(waiting: Int, lookMicros: Int, gatherMicros: Int = 0) {
        self.waiting = waiting
        self.lookMicros = lookMicros
        self.gatherMicros = gatherMicros
        next = waiting > 0 ? Next(dueMicros: 0, lookMicros: 0) : nil
    }

    /// Jobs that wait in the queue.
    var inQueue: Int { waiting - held }
    /// The time in µs on the monotonic clock when the next retry is due; `nil` when none is known to
    /// wait.
    var dueMicros: Int? { next?.dueMicros }

    /// The time in µs until the queue is to be asked, 0 or less when that is now; `nil` when no
    /// retry waits there.
    ///
    /// - Parameter isBusy: Whether there is something else to do meanwhile.
    func waitMicros(isBusy: Bool, at now: Now) -> Int? {
        guard let next, inQueue > 0 else { return nil }
        // Each answer is written to the disk: those that come due shortly after one another are
        // asked for at once.
        let least = isBusy ? askedMicros.map { $0 + gatherMicros } ?? .min : .min
        return max(min(next.dueMicros, next.lookMicros), least) - now.monotonicMicros
    }

    /// Takes in that the queue is being asked: its answer tells when to ask again, and marks made
    /// meanwhile do.
    mutating func areAskedFor(at now: Now) {
        next = nil
        marksAtClaim = marks
        askedMicros = now.monotonicMicros
    }

    /// Takes in the queue's answer.
    ///
    /// - Parameter waitMicrosMin: The shortest time in µs until the queue is asked again, when it
    ///   gave nothing.
    mutating func add(_ claim: RetryClaim, waitMicrosMin: Int, at now: Now) {
        held += claim.jobs.count
        if claim.nextDue == nil, marksAtClaim == marks {
            // None waits: those that are still counted were cancelled. After marks made meanwhile
            // the queue is asked again.
            waiting = min(waiting, held)
        }
        if let next = claim.nextDue {
            let least = claim.jobs.isEmpty ? waitMicrosMin : 0
            note(afterMicros: max(next.microseconds, least), at: now)
        }
    }

    /// Takes in that this runner has taken over retries, of which some may be due.
    mutating func tookOver(_ count: Int, at now: Now) {
        guard count > 0 else { return }
        waiting += count
        note(afterMicros: 0, at: now)
    }

    /// Takes in the mark of a job.
    mutating func marked(_ mark: Mark, at now: Now) {
        if mark.attempt > 1 {
            waiting -= 1
            held -= 1
        }
        guard mark.outcome.state == .retrying else { return }
        waiting += 1
        marks &+= 1
        note(afterMicros: mark.wait.microseconds, at: now)
    }

    /// Takes in that a retry is due after `waitMicros`.
    private mutating func note(afterMicros waitMicros: Int, at now: Now) {
        let dueMicros = now.monotonicMicros + waitMicros
        guard let next else {
            self.next = Next(
                dueMicros: dueMicros, lookMicros: now.monotonicMicros + lookMicros)
            return
        }
        self.next?.dueMicros = min(next.dueMicros, dueMicros)
    }
}
