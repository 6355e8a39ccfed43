/// Makes something of each response that would complete its job: records for the output, further
/// requests, and a word on the job.
///
/// All of it is committed in the same transaction as the job's mark. A handler may run twice for a
/// job, when the run is killed in between; what it made counts once.
public protocol ResponseHandler: Sendable {
    /// The most calls of `handle` at a time, 1 or more.
    var concurrency: Int { get }

    /// The time that one call may take. Then the attempt has failed, the call's task is cancelled, and
    /// what it returns later is dropped.
    var timeLimit: Duration { get }

    /// Returns what is to be made of a response, where that can be told at once, so that it need not
    /// wait for a place; `nil` to have it handled by `handle`. By default `nil`.
    ///
    /// Called on an event loop, whose other requests wait meanwhile: this must not block, and take no
    /// more than some µs. It is for a look at a field or two, and for the answer that there is nothing
    /// to do.
    ///
    /// - Parameter record: As for `handle`.
    func handledAtOnce(_ record: Record) -> Handled?

    /// Handles a response. Called beside the event loops, for several jobs at a time, on threads of
    /// handlers' own, as many as there are cores.
    ///
    /// - Parameter record: The job and its response, which is nobody else's until the call returns. It
    ///   must not be kept beyond that.
    /// - Throws: Any error costs the job an attempt, and never the run, but for a `HandlerError` that
    ///   says so.
    func handle(_ record: Record) async throws -> Handled

    /// Told that no more responses will come, when the run ends. By default nothing is done.
    func close() async
}

extension ResponseHandler {
    public func handledAtOnce(_ record: Record) -> Handled? { nil }
    public func close() async {}
}

/// The reason that a response was not handled, in one line.
public struct HandlerError: Error, Sendable, CustomStringConvertible {
    public enum Effect: Sendable {
        /// The job has failed with the outcome `handler`, and is tried again while it has attempts
        /// left.
        case attempt
        /// No response can be handled, and the run ends. The job counts as never tried.
        case run
        /// The same, as the handler names requests to follow and the run has no `FollowOptions`: they
        /// would be lost.
        case unfollowed
    }

    public let description: String
    public let effect: Effect

    public init(_ description: String, _ effect: Effect = .attempt) {
        self.description = description
        self.effect = effect
    }
}
