/// Ends the run when a handler names requests to follow where none is followed: they would be lost.
struct FollowCheck: ResponseHandler {
    private let handler: any ResponseHandler
    private let follows: Bool

    init(of handler: any ResponseHandler, follows: Bool) {
        self.handler = handler
        self.follows = follows
    }

    var concurrency: Int { handler.concurrency }
    var timeLimit: Duration { handler.timeLimit }

    func handle(_ record: Record) async throws -> Handled {
        let handled = try await handler.handle(record)
        guard follows || handled.follow.isEmpty else {
            throw HandlerError(
                "the handler names requests to follow, for job \(record.id) of batch \(record.batchID), and the run follows none",
                .run)
        }
        return handled
    }

    func close() async { await handler.close() }
}
