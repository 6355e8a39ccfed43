internal import JobStore
internal import Synchronization

/// A handler whose work is done by processes, which may be written in any language.
///
/// Each gets responses as lines of JSON, several at a time, and answers with lines of JSON, in any
/// order; docs/HANDLERS.md describes both. The processes are started as they are needed and again when
/// they end, and what one had not answered is given to another. So neither a process that ends, nor
/// one that hangs or writes anything else, costs more than the response that made it do so.
public final class ProcessHandler: ResponseHandler {
    private let options: ProcessHandlerOptions
    private let pool: ProcessPool
    private let budget = LineBudget(bytesMax: 32 << 20)
    private let disk = ResponseLineWriter()
    private let lastNumber = Atomic<Int>(0)

    /// - Parameter tell: Called with the number, from 1, of a process and a line that it has said on
    ///   its standard error, or that says why the process was started again. Called from one thread,
    ///   which it must not hold up.
    /// - Throws: `HandlerError` when the system gives no thread or descriptor.
    public init(
        _ options: ProcessHandlerOptions,
        tell: @escaping @Sendable (_ process: Int, _ line: String) -> Void = { _, _ in }
    ) throws(HandlerError) {
        precondition(
            options.processes > 0 && options.window > 0,
            "a handler has a process, and it a response")
        self.options = options
        pool = try ProcessPool(options, tell: tell)
        if let error = disk.startFailure {
            pool.close()
            throw HandlerError("the handler cannot be started: \(error)", .run)
        }
    }

    deinit { pool.close() }

    /// More than the processes have at a time, so that the next lines are there when they answer.
    public var concurrency: Int { options.processes * (options.window + options.window / 2 + 1) }

    /// A bound that is not reached: the time that a response may take is kept for each process, and
    /// one that others end may be given to several.
    public var timeLimit: Duration {
        max(.seconds(3600), options.answerTimeLimit * (4 * (options.window + 1)))
    }

    public func handle(_ record: Record) async throws -> Handled {
        let bodyMax = options.lineBodyBytesMax
        let bytes = try await budget.take(
            ResponseLine.byteCount(record, lineBodyBytesMax: bodyMax))
        defer { budget.giveBack(bytes) }
        let number = lastNumber.add(1, ordering: .relaxed).newValue
        let line =
            record.capture.isInMemory && record.capture.body.count <= bodyMax
            ? try ResponseLine(number, record, lineBodyBytesMax: bodyMax)
            : try await disk.line(number, record, lineBodyBytesMax: bodyMax)
        return try await pool.answer(to: line)
    }

    /// Closes the processes' input, and waits for their end: those that have not ended after
    /// `ProcessHandlerOptions.grace` are asked to (SIGTERM), and killed two seconds later.
    public func close() async { await pool.close() }
}
