/// The result of cancelling a batch.
public struct Cancellation: Equatable, Sendable {
    /// The jobs that were cancelled by this call.
    public let cancelled: Int
    /// The jobs that live runners hold: they end by themselves.
    public let running: Int
    /// Whether the batch was not cancelled before.
    public let isNew: Bool

    public init(cancelled: Int, running: Int, isNew: Bool) {
        self.cancelled = cancelled
        self.running = running
        self.isNew = isNew
    }
}
