internal import JobStore
internal import Synchronization

/// The answer of a handler to one response, as the response's worker gets it.
enum Handling: Sendable {
    case handled(Handled)
    /// The attempt has failed, for this reason.
    case failed(String)
    /// The call takes too long. It goes on, and the response is still its own.
    case late(String)
    /// The response was not handled, as the run ends.
    case unhandled
}

/// Has responses handled beside the event loops, so many at a time as the handler takes.
///
/// A call that takes too long is left alone, and another takes its place. Where more calls hang than
/// there are places, the run ends.
final class HandlerPool: Sendable {
    typealias Waiter = UnsafeContinuation<Handling, Never>

    /// A response, and the worker that waits for what is made of it. It is handed from thread to thread:
    /// as an object, since a record refers to much that all threads share, and count.
    final class Item: Sendable {
        let record: Record
        let worker: Waiter

        init(record: Record, worker: Waiter) { (self.record, self.worker) = (record, worker) }
    }

    private let handler: any ResponseHandler
    private let failed: @Sendable (HandlerError) -> Void
    /// Whether no more responses are to be handled for now: what was made of others is not written.
    private let isFull: @Sendable () -> Bool
    private let state = Locked(HandlerPlaces())
    private let answers = HandlingAnswers()
    private let threads: HandlerThreads
    /// The time in µs that a call may take.
    private let limitMicros: Int
    /// The time between two looks at the calls: the longest for which one that blocks its thread, where
    /// others were short, holds up what waits behind it.
    private let interval: Duration

    /// - Parameters:
    ///   - isFull: Whether no more responses are to be handled for now.
    ///   - failed: Called when no response can be handled any more.
    /// - Throws: `LimitError` when the system gives no thread.
    init(
        _ handler: any ResponseHandler, isFull: @escaping @Sendable () -> Bool = { false },
        failed: @escaping @Sendable (HandlerError) -> Void
    ) throws(LimitError) {
        self.isFull = isFull
        self.handler = handler
        self.failed = failed
        // So that no time is before the first one that there is.
        limitMicros = min(handler.timeLimit.microseconds, 1 << 60)
        interval = min(max(handler.timeLimit / 10, .milliseconds(5)), .milliseconds(10))
        threads = try HandlerThreads(cores: MachineLimits.cores)
    }

    deinit { threads.stop() }

    // MARK: - For loops

    /// Returns what the handler makes of a response at once; `nil` when the response is to be handled.
    func handledAtOnce(_ record: Record) -> Handled? {
        guard let handled = handler.handledAtOnce(record) else { return nil }
        return handled.isEmpty || !isFull() ? handled : nil
    }

    /// Has responses handled, and resumes their workers with the answers.
    func add(_ items: [Item]) {
        let (calls, isTaken) = state.withLock { state in state.add(items) }
        for call in calls { call.place.resume(returning: call.item) }
        if !isTaken { for item in items { item.worker.resume(returning: .unhandled) } }
    }

    /// Gives all responses back unhandled, those of later calls, too.
    func cancel() {
        let (workers, tasks, end) = state.withLock { state in state.cancel() }
        for task in tasks { task.cancel() }
        for worker in workers { worker.resume(returning: .unhandled) }
        end?.resume()
    }

    // MARK: - Places

    /// Handles responses until the pool is closed and all calls have returned, but those that hang.
    func run() async {
        let count = max(1, handler.concurrency)
        threads.whenResting { [weak self] in self?.rest() }
        for _ in 0..<count { addPlace() }
        let watch = Task {
            while (try? await Task.sleep(for: interval)) != nil {
                rest()
                endLateCalls(places: count)
            }
        }
        await withUnsafeContinuation { end in
            let isOver = state.withLock { state in
                state.end = end
                return state.takeEnd()
            }
            isOver?.resume()
        }
        watch.cancel()
        threads.stop()
    }

    /// Ends the pool, whose workers have ended.
    func close() {
        let (idle, end) = state.withLock { state in
            state.isClosed = true
            defer { state.idle = [] }
            return (state.idle, state.takeEnd())
        }
        for place in idle { place.resume(returning: nil) }
        end?.resume()
    }

    func addPlace() {
        state.withLock { state in
            let number = state.addPlace()
            // Of no group: a call that hangs must not keep the run from its end.
            state.places[number].task = Task.detached(executorPreference: threads) { [self] in
                await work(at: number)
            }
        }
    }

    /// The life of a place.
    private func work(at number: Int) async {
        while var item = await nextItem() {
            let isCancelled = state.withLock { $0.begin(item, at: number) }
            if isCancelled {
                item.worker.resume(returning: .unhandled)
                continue
            }
            while true {
                let handling = await handling(of: item.record)
                let isEmpty = handling.isEmpty
                let (answer, next) = state.withLock { state in
                    state.finish(at: number, takesNext: isEmpty)
                }
                if let worker = answer.worker {
                    answers.add(
                        handling, for: worker, isLast: !answer.isQuick, atMicros: answer.atMicros)
                }
                // Another has the place.
                guard answer.isOurs else { return }
                if !isEmpty { await pause() }
                guard let next else { break }
                item = next
            }
        }
        let end = state.withLock { $0.leave(number) }
        end?.resume()
    }

    /// Waits while there is no room for what handlers make.
    private func pause() async {
        guard isFull() else { return }
        answers.handOver()
        while isFull(), !state.withLock(\.isCancelled) {
            guard (try? await Task.sleep(for: .milliseconds(5))) != nil else { return }
        }
    }

    /// Does what was left until a thread has nothing else to do, or has been busy for long.
    private func rest() {
        answers.handOver()
        let calls = state.withLock { state in state.spread() }
        for call in calls { call.place.resume(returning: call.item) }
    }

    private func nextItem() async -> Item? {
        await withUnsafeContinuation { place in
            let (item, isReady) = state.withLock { state -> (Item?, Bool) in
                if let item = state.waiting.popFirst() { return (item, true) }
                if state.isClosed { return (nil, true) }
                state.idle.append(place)
                return (nil, false)
            }
            if isReady { place.resume(returning: item) }
        }
    }

    private func handling(of record: Record) async -> Handling {
        do {
            return .handled(try await handler.handle(record))
        } catch let error as HandlerError where error.effect != .attempt {
            failed(error)
            return .unhandled
        } catch {
            return .failed(
                String(describing: error).split(whereSeparator: \.isNewline)
                    .joined(separator: " "))
        }
    }

    /// Answers workers whose calls take too long, and gives their places to others.
    private func endLateCalls(places count: Int) {
        let due = SystemClock.monotonicMicros() - limitMicros
        let (late, hanging) = state.withLock { state in (state.takeLate(since: due), state.hanging)
        }
        threads.look(hanging: hanging)
        for (worker, place) in late {
            place?.cancel()
            addPlace()
            worker.resume(
                returning: .late("its handler took longer than \(handler.timeLimit)"))
        }
        guard !late.isEmpty, hanging > count else { return }
        failed(
            HandlerError(
                "\(hanging) calls of the handler hang, each for longer than \(handler.timeLimit); see why it does not return, and run again: nothing marked is lost",
                .run))
    }
}

extension Handled {
    /// Whether nothing was made that waits to be written.
    fileprivate var isEmpty: Bool { recordCount == 0 && follow.isEmpty }
}

extension Handling {
    fileprivate var isEmpty: Bool {
        if case .handled(let handled) = self { return handled.isEmpty }
        return true
    }
}
