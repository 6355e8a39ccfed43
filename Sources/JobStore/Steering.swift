/// The wishes of people about a run that goes on.
public struct Steering: Equatable, Sendable {
    /// Whether nothing is to be sent until the queue is no longer paused.
    public let isPaused: Bool
    /// The limits by name that the runner is asked to keep to, in place of those it began with.
    public let limits: [String: String]
    /// The number of the last wish for limits; 0 for none.
    public let wish: Int

    public init(isPaused: Bool = false, limits: [String: String] = [:], wish: Int = 0) {
        self.isPaused = isPaused
        self.limits = limits
        self.wish = wish
    }

    /// The name of the choice that a queue keeps (`JobQueue.keep`) while it is paused.
    public static let pausedChoice = "paused"
}

extension JobLedger {
    /// Whether the queue is paused: runs send nothing, those that go on and those that begin.
    public func isPaused() async throws(QueueError) -> Bool {
        try await setting(Steering.pausedChoice) != nil
    }
}

extension JobQueue {
    /// Pauses the queue, or lets runs go on. A run that is going on follows within a second.
    ///
    /// - Returns: Whether that was new.
    @discardableResult
    public func setPaused(_ isPaused: Bool) async throws(QueueError) -> Bool {
        guard try await self.isPaused() != isPaused else { return false }
        try await keep(isPaused ? "true" : nil, as: Steering.pausedChoice)
        return true
    }
}
