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
    private struct State {
        /// Responses that wait for a place, in the order they came, from `next` on.
        var waiting: [Item] = []
        var next = 0
        /// Places that wait for a response.
        var idle: [UnsafeContinuation<Item?, Never>] = []
        /// The tasks that handle responses, by number.
        var places: [Int: Task<Void, Never>] = [:]
        var lastPlace = 0
        /// The calls that go on, by their place.
        var calls: [Int: Call] = [:]
        /// Calls that took too long and have not returned.
        var hanging = 0
        var isClosed = false
        var isCancelled = false
        /// Resumed when the last place has ended.
        var end: UnsafeContinuation<Void, Never>?

        /// Takes `end` if it is time for it.
        mutating func takeEnd() -> UnsafeContinuation<Void, Never>? {
            isClosed && places.isEmpty ? end.take() : nil
        }

        mutating func takeWaiting() -> Item? {
            guard next < waiting.count else { return nil }
            defer {
                next += 1
                if next == waiting.count {
                    waiting.removeAll(keepingCapacity: true)
                    next = 0
                } else if next >= 1024 {
                    waiting.removeFirst(next)
                    next = 0
                }
            }
            return waiting[next]
        }
    }

    private struct Item {
        let record: Record
        let worker: UnsafeContinuation<Handling, Never>
    }

    private struct Call {
        let begin: ContinuousClock.Instant
        /// Resumed with the answer; `nil` once it was.
        var worker: UnsafeContinuation<Handling, Never>?
    }

    private let handler: any ResponseHandler
    private let failed: @Sendable (HandlerError) -> Void
    /// Whether no more responses are to be handled for now: what was made of others is not written.
    private let isFull: @Sendable () -> Bool
    private let state = Locked(State())
    /// The time between two looks at the calls.
    private let interval: Duration

    /// - Parameters:
    ///   - isFull: Whether no more responses are to be handled for now.
    ///   - failed: Called when no response can be handled any more.
    init(
        _ handler: any ResponseHandler, isFull: @escaping @Sendable () -> Bool = { false },
        failed: @escaping @Sendable (HandlerError) -> Void
    ) {
        self.isFull = isFull
        self.handler = handler
        self.failed = failed
        interval = min(max(handler.timeLimit / 10, .milliseconds(5)), .milliseconds(500))
    }

    // MARK: - For workers

    /// Has a response handled.
    func handle(_ record: Record) async -> Handling {
        await withUnsafeContinuation { worker in
            let item = Item(record: record, worker: worker)
            let (place, isTaken) = state.withLock {
                state -> (UnsafeContinuation<Item?, Never>?, Bool) in
                if state.isCancelled { return (nil, false) }
                if let place = state.idle.popLast() { return (place, true) }
                state.waiting.append(item)
                return (nil, true)
            }
            place?.resume(returning: item)
            if !isTaken { worker.resume(returning: .unhandled) }
        }
    }

    /// Gives all responses back unhandled, those of later calls, too.
    func cancel() {
        let (workers, places) = state.withLock { state in
            state.isCancelled = true
            var workers = state.waiting[state.next...].map(\.worker)
            (state.waiting, state.next) = ([], 0)
            for number in state.calls.keys {
                if let worker = state.calls[number]?.worker { workers.append(worker) }
                state.calls[number]?.worker = nil
            }
            // Calls that are deaf to it are left alone.
            let places = state.calls.keys.compactMap { state.places.removeValue(forKey: $0) }
            state.hanging += places.count
            return (workers, places)
        }
        for place in places { place.cancel() }
        for worker in workers { worker.resume(returning: .unhandled) }
    }

    // MARK: - Places

    /// Handles responses until the pool is closed and all calls have returned, but those that hang.
    func run() async {
        let count = max(1, handler.concurrency)
        for _ in 0..<count { addPlace() }
        let watch = Task {
            while (try? await Task.sleep(for: interval)) != nil { endLateCalls(places: count) }
        }
        await withUnsafeContinuation { end in
            let isOver = state.withLock { state in
                state.end = end
                return state.takeEnd()
            }
            isOver?.resume()
        }
        watch.cancel()
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

    private func addPlace() {
        state.withLock { state in
            state.lastPlace += 1
            let number = state.lastPlace
            // Of no group: a call that hangs must not keep the run from its end.
            state.places[number] = Task.detached { [self] in
                while let item = await nextItem(), await call(item, at: number) { await pause() }
                leave(number)
            }
        }
    }

    /// Waits while there is no room for what handlers make.
    private func pause() async {
        while isFull(), !state.withLock(\.isCancelled) {
            guard (try? await Task.sleep(for: .milliseconds(5))) != nil else { return }
        }
    }

    private func leave(_ place: Int) {
        let end = state.withLock { state in
            state.places[place] = nil
            return state.takeEnd()
        }
        end?.resume()
    }

    private func nextItem() async -> Item? {
        await withUnsafeContinuation { place in
            let (item, isReady) = state.withLock { state -> (Item?, Bool) in
                if let item = state.takeWaiting() { return (item, true) }
                if state.isClosed { return (nil, true) }
                state.idle.append(place)
                return (nil, false)
            }
            if isReady { place.resume(returning: item) }
        }
    }

    /// - Returns: Whether the place goes on: the call did not take too long.
    private func call(_ item: Item, at place: Int) async -> Bool {
        let isCancelled = state.withLock { state in
            if !state.isCancelled { state.calls[place] = Call(begin: .now, worker: item.worker) }
            return state.isCancelled
        }
        if isCancelled {
            item.worker.resume(returning: .unhandled)
            return true
        }
        let handling = await handling(of: item.record)
        let (worker, isOurs) = state.withLock { state in
            let call = state.calls.removeValue(forKey: place)
            let isOurs = state.places[place] != nil
            if !isOurs { state.hanging -= 1 }
            return (call?.worker, isOurs)
        }
        worker?.resume(returning: handling)
        return isOurs
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
        let due = ContinuousClock.now - handler.timeLimit
        let (late, hanging) = state.withLock { state in
            var late: [(UnsafeContinuation<Handling, Never>, Task<Void, Never>?)] = []
            for (place, call) in state.calls where call.begin < due {
                guard let worker = call.worker else { continue }
                state.calls[place]?.worker = nil
                late.append((worker, state.places.removeValue(forKey: place)))
            }
            state.hanging += late.count
            return (late, state.hanging)
        }
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
