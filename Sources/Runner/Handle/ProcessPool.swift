internal import CShell
internal import Glibc
internal import JobStore
internal import Synchronization

/// The processes of a handler, as those see them who wait for answers. What is done with processes is
/// done on a thread of the pool (`ProcessLoop`).
final class ProcessPool: Sendable {
    /// A response that someone waits for.
    struct Question: Sendable {
        let line: ResponseLine
        /// The one who waits; `nil` once nobody does.
        var answer: UnsafeContinuation<Handled, any Error>?
    }

    /// The news for the thread.
    struct News: Sendable {
        var questions: [Question] = []
        /// The numbers of responses that nobody waits for any more.
        var forgotten: [Int] = []
        var closing: Closing?
    }

    enum Closing: Sendable {
        /// The processes get time to end.
        case gently
        /// Nobody waits for them.
        case atOnce
    }

    private struct State {
        var news = News()
        /// The reason that no more responses are taken.
        var end: HandlerError?
        var hasEnded = false
        /// Those who wait for the end.
        var closers: [UnsafeContinuation<Void, Never>] = []
    }

    private let state = Locked(State())
    /// An eventfd that is readable when there is news.
    let bell: Int32
    /// Whether the bell rings and the thread has not heard it: then nobody need ring.
    private let isRinging = Atomic(false)

    /// - Throws: `HandlerError` when the system gives no thread or descriptor.
    init(
        _ options: ProcessHandlerOptions, tell: @escaping @Sendable (Int, String) -> Void
    ) throws(HandlerError) {
        bell = make_bell()
        guard bell >= 0 else {
            throw HandlerError("the handler cannot be started: \(Errno(errno))", .run)
        }
        do throws(SystemThread.Refusal) {
            // It ends with `close`, which the handler calls as it goes.
            _ = try SystemThread { [self] in
                ProcessLoop(self, options, tell: tell).run()
                ended()
            }
        } catch {
            Glibc.close(bell)
            throw HandlerError("the handler cannot be started: \(Errno(error.number))", .run)
        }
    }

    deinit { Glibc.close(bell) }

    /// Gives a response to a process, and waits for the answer.
    ///
    /// - Throws: `HandlerError`, or `CancellationError`.
    func answer(to line: ResponseLine) async throws -> Handled {
        try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { answer in
                let end = state.withLock { state in
                    if state.end == nil {
                        state.news.questions.append(Question(line: line, answer: answer))
                    }
                    return state.end
                }
                if let end { return answer.resume(throwing: end) }
                // Cancelled before it was there, nobody would call it off.
                if Task.isCancelled { forget(line.number) } else { ring() }
            }
        } onCancel: {
            forget(line.number)
        }
    }

    private func forget(_ number: Int) {
        state.withLock { $0.news.forgotten.append(number) }
        ring()
    }

    /// Ends the processes, without waiting for them.
    func close() {
        state.withLock { state in
            if state.news.closing == nil { state.news.closing = .atOnce }
        }
        ring()
    }

    /// Lets the processes end, and waits for it.
    func close() async {
        await withUnsafeContinuation { closer in
            let hasEnded = state.withLock { state in
                if state.hasEnded { return true }
                state.news.closing = .gently
                state.closers.append(closer)
                return false
            }
            if hasEnded { closer.resume() } else { ring() }
        }
    }

    private func ring() {
        guard !isRinging.exchange(true, ordering: .acquiringAndReleasing) else { return }
        var one: UInt64 = 1
        // What fails is full: it rings already.
        _ = write(bell, &one, 8)
    }

    // MARK: - The thread's side

    /// Stops the bell, which may ring after its news was taken. To be called when it is heard.
    func answerBell() {
        var count: UInt64 = 0
        _ = read(bell, &count, 8)
    }

    func takeNews() -> News {
        guard isRinging.load(ordering: .acquiring) else { return News() }
        // Before a look at the news: who has some later rings again.
        isRinging.store(false, ordering: .sequentiallyConsistent)
        return state.withLock { state in
            defer { state.news = News() }
            return state.news
        }
    }

    /// Takes no more responses.
    ///
    /// - Returns: Those that came meanwhile.
    func refuse(_ end: HandlerError) -> [Question] {
        state.withLock { state in
            if state.end == nil { state.end = end }
            defer { state.news.questions = [] }
            return state.news.questions
        }
    }

    private func ended() {
        let closers = state.withLock { state in
            state.hasEnded = true
            defer { state.closers = [] }
            return state.closers
        }
        for closer in closers { closer.resume() }
    }
}
