import JobStore
import Runner

extension Error {
    /// Whether a full disk is the cause.
    var isFullDisk: Bool {
        switch self {
        case let error as QueueError: error.code == .full
        case let error as SinkError: error.code == .full
        default: false
        }
    }
}
