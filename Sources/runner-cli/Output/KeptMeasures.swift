import JobStore
import Runner
import Synchronization

/// The measurements of a run, kept for its report.
final class KeptMeasures: Sendable {
    private let measures = Locked<RunMeasures?>(nil)

    /// `nil` until the run has ended.
    var last: RunMeasures? { measures.withLock(\.self) }

    func keep(_ new: RunMeasures) { measures.withLock { $0 = new } }
}
