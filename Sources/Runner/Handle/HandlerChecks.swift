/// Looks at what a handler is given, and at what it answers.
struct HandlerChecks: ResponseHandler {
    private let handler: any ResponseHandler
    private let follows: Bool
    private let isCodingKept: Bool
    private let reasons: HandlerReasons

    /// - Parameters:
    ///   - follows: Whether the requests that it names are followed. Otherwise a handler that names any
    ///     ends the run: they would be lost.
    ///   - isCodingKept: Whether bodies are kept as they came. A handler does not get those that are
    ///     encoded, though nobody asked for that.
    ///   - reasons: The names that reasons for failures have.
    init(
        of handler: any ResponseHandler, follows: Bool, isCodingKept: Bool,
        reasons: HandlerReasons
    ) {
        self.reasons = reasons
        self.handler = handler
        self.follows = follows
        self.isCodingKept = isCodingKept
    }

    var concurrency: Int { handler.concurrency }
    var timeLimit: Duration { handler.timeLimit }

    func handledAtOnce(_ record: Record) -> Handled? {
        guard !isCodingKept, let handled = handler.handledAtOnce(record) else { return nil }
        return try? checked(handled, of: record)
    }

    func handle(_ record: Record) async throws -> Handled {
        if isCodingKept, try isEncoded(record) {
            throw HandlerError("the body is encoded, though that was not asked for")
        }
        return try checked(try await handler.handle(record), of: record)
    }

    private func checked(_ handled: consuming Handled, of record: Record) throws -> Handled {
        guard follows || handled.follow.isEmpty else { throw Self.unfollowed(record) }
        let tooMany = handled.follow.count - Handled.followMax
        if tooMany > 0 {
            handled.follow.removeLast(tooMany)
            handled.unread += tooMany
        }
        // They are lines, or parts of lines, of the output.
        guard handled.records.isOneLineOfText, handled.follow.allSatisfy(\.hasSoundMeta) else {
            throw HandlerError("a record or a meta of the handler's is not UTF-8 on one line")
        }
        if case .failed(let words) = handled.verdict { handled.reason = reasons.name(in: words) }
        return handled
    }

    /// The error for a handler that names requests where none is followed.
    static func unfollowed(_ record: Record) -> HandlerError {
        HandlerError(
            "the handler names requests to follow, for job \(record.id) of batch \(record.batchID), and the run follows none of them",
            .unfollowed)
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

extension FollowRequest {
    fileprivate var hasSoundMeta: Bool { meta?.isOneLineOfText ?? true }
}

extension [UInt8] {
    /// Whether it is UTF-8 without control characters, which JSON on one line never has.
    fileprivate var isOneLineOfText: Bool {
        guard allSatisfy({ $0 >= 0x20 }) else { return false }
        var check = UTF8Check()
        withUnsafeBytes { check.add($0) }
        return check.isValid
    }
}
