/// Looks at what a handler is given, and at what it answers.
struct HandlerChecks: ResponseHandler {
    private let handler: any ResponseHandler
    private let follows: Bool
    private let isCodingKept: Bool

    /// - Parameters:
    ///   - follows: Whether the requests that it names are followed. Otherwise a handler that names any
    ///     ends the run: they would be lost.
    ///   - isCodingKept: Whether bodies are kept as they came. A handler does not get those that are
    ///     encoded, though nobody asked for that.
    init(of handler: any ResponseHandler, follows: Bool, isCodingKept: Bool) {
        self.handler = handler
        self.follows = follows
        self.isCodingKept = isCodingKept
    }

    var concurrency: Int { handler.concurrency }
    var timeLimit: Duration { handler.timeLimit }

    func handle(_ record: Record) async throws -> Handled {
        if isCodingKept, try isEncoded(record) {
            throw HandlerError("the body is encoded, though that was not asked for")
        }
        let handled = try await handler.handle(record)
        guard follows || handled.follow.isEmpty else {
            throw HandlerError(
                "the handler names requests to follow, for job \(record.id) of batch \(record.batchID), and the run follows none",
                .unfollowed)
        }
        return handled
    }

    private func isEncoded(_ record: Record) throws -> Bool {
        try record.capture.head.whole(of: record).withUnsafeBytes { head in
            HeaderFields(head).contains { field in
                let name = String(decoding: field.name, as: UTF8.self).lowercased()
                let value = String(decoding: field.value, as: UTF8.self).lowercased()
                return name == "content-encoding" && value != "identity" && !value.isEmpty
            }
        }
    }

    func close() async { await handler.close() }
}
