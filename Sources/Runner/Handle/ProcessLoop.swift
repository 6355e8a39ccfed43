internal import CShell
internal import Glibc
internal import JobStore
internal import Lists

/// Starts, feeds, hears and ends the processes of a handler, as its plan says. Used on one thread,
/// which waits nowhere but in `wait`.
final class ProcessLoop {
    let pool: ProcessPool
    let options: ProcessHandlerOptions
    let tell: @Sendable (Int, String) -> Void
    var plan: ProcessPlan
    let reader = HandlerAnswerReader()
    var processes: [HandlerProcess?]
    /// Processes that were killed, and whose end is yet to be seen.
    var dying: [HandlerProcess] = []
    var questions: [Int: ProcessPool.Question] = [:]
    /// The reason that no response can be handled.
    var hopeless: HandlerError?
    var ends = ProcessEnds()
    /// The time in µs of the next look at all processes.
    var nextReapMicros = 0

    /// The time in µs that a process gets to end once it has closed its input or output.
    static let noticeMicros = 1_000_000
    /// The time in µs from SIGTERM to SIGKILL.
    static let terminationMicros = 2_000_000
    /// The time in ms between two looks at processes that are about to end.
    static let dyingTickMillis = 10
    /// The time in ms between two looks at whether a process has ended while what it started holds
    /// its pipes open.
    static let tickMillis = 500

    /// The time in µs between two looks at whether processes have ended of which nothing tells it.
    static let reapMicros = 10_000
    /// The bytes that a process's input holds: what it has at a time, if responses are of usual size, so
    /// that nobody waits for room. The system gives a user 64 MB of it in all.
    static let widePipeBytes = 256 << 10
    static let widePipesMax = 64

    init(
        _ pool: ProcessPool, _ options: ProcessHandlerOptions,
        tell: @escaping @Sendable (Int, String) -> Void
    ) {
        self.pool = pool
        self.options = options
        self.tell = tell
        plan = ProcessPlan(
            ProcessPlan.Rules(
                processes: options.processes, window: options.window, lineBytesMax: 8 << 20,
                // So that no time is beyond the last one that there is.
                limitMicros: min(options.answerTimeLimit.microseconds, 1 << 60),
                pauseMicros: options.pause.microseconds))
        processes = Array(repeating: nil, count: options.processes)
    }

    /// Works until the pool is closed, or until nothing can be handled.
    func run() {
        bear_broken_pipes()
        while true {
            let news = pool.takeNews()
            for question in news.questions {
                questions[question.line.number] = question
                plan.add(question.line.number, byteCount: question.line.bytes.count)
            }
            for number in news.forgotten { forget(number) }
            if let closing = news.closing {
                refuse(HandlerError("the handler is closed"))
                return letEnd(closing)
            }
            look()
            act()
            if let hopeless {
                refuse(hopeless)
                return letEnd(.atOnce)
            }
            wait()
        }
    }

    private func forget(_ number: Int) {
        guard let answer = questions[number]?.answer else { return }
        // Where a process has the response, its file stays: the process may open it by its number.
        if plan.forget(number) { questions[number] = nil } else { questions[number]?.answer = nil }
        answer.resume(throwing: CancellationError())
    }

    func resume(_ number: Int, _ result: Result<Handled, HandlerError>) {
        guard let answer = questions.removeValue(forKey: number)?.answer else { return }
        switch result {
        case .success(let handled): answer.resume(returning: handled)
        case .failure(let error): answer.resume(throwing: error)
        }
    }

    private func refuse(_ end: HandlerError) {
        let late = pool.refuse(end)
        for question in late { question.answer?.resume(throwing: end) }
        for number in Array(questions.keys) { resume(number, .failure(end)) }
    }
}
