internal import JobStore

/// The places of a handler's pool: which of them handles what, and what waits for one.
struct HandlerPlaces {
    typealias Waiter = HandlerPool.Waiter
    typealias Item = HandlerPool.Item

    /// A place, or a call that has lost its own.
    struct Place {
        var task: Task<Void, Never>?
        fileprivate var call: Call?
        /// Whether the call took too long, or was cancelled: another has its place.
        fileprivate var isLost = false
    }

    fileprivate struct Call {
        let beginMicros: Int
        /// Resumed with the answer; `nil` once it was.
        var worker: Waiter?
    }

    /// A response for a place that waits for one.
    struct Handing {
        let place: UnsafeContinuation<Item?, Never>
        let item: Item
    }

    /// The end of a call.
    struct Answer {
        /// The worker that waits for it; `nil` when it does no more.
        let worker: Waiter?
        let atMicros: Int
        let isQuick: Bool
        /// Whether the place goes on.
        let isOurs: Bool
    }

    /// Responses that wait for a place.
    var waiting = ArrivalQueue<Item>()
    /// Places that wait for a response.
    var idle: [UnsafeContinuation<Item?, Never>] = []
    var places: [Place] = []
    /// The numbers in `places` that are nobody's.
    private var free: [Int] = []
    /// The places that have not been lost, and have not ended.
    private var placeCount = 0
    /// Calls that took too long, or were cancelled, and have not returned.
    private(set) var hanging = 0
    /// Whether the last call was short: then one place takes one response after another.
    private var isQuick = false
    var isClosed = false
    private(set) var isCancelled = false
    /// Resumed when the last place has ended.
    var end: UnsafeContinuation<Void, Never>?

    /// Takes `end` if it is time for it.
    mutating func takeEnd() -> UnsafeContinuation<Void, Never>? {
        isClosed && placeCount == 0 ? end.take() : nil
    }

    /// - Returns: The responses to hand to places that wait, and whether any are taken.
    mutating func add(_ items: [Item]) -> ([Handing], isTaken: Bool) {
        if isCancelled { return ([], false) }
        for item in items { waiting.append(item) }
        return (handings(isQuick ? 1 : .max), true)
    }

    /// - Returns: The responses that wait, for all places that wait, too.
    mutating func spread() -> [Handing] { handings(.max) }

    private mutating func handings(_ limit: Int) -> [Handing] {
        let count = min(limit, waiting.count, idle.count)
        return (0..<count).compactMap { _ in
            waiting.popFirst().map { Handing(place: idle.removeLast(), item: $0) }
        }
    }

    /// - Returns: The number of the place.
    mutating func addPlace() -> Int {
        placeCount += 1
        if let number = free.popLast() { return number }
        places.append(Place())
        return places.count - 1
    }

    /// - Returns: Whether all is cancelled, and no call may begin.
    mutating func begin(_ item: Item, at number: Int) -> Bool {
        if !isCancelled {
            places[number].call = Call(
                beginMicros: SystemClock.monotonicMicros(), worker: item.worker)
        }
        return isCancelled
    }

    /// Ends a call.
    ///
    /// - Parameter takesNext: Whether the place begins with another at once.
    /// - Returns: The next response, whose call has begun; `nil` when there is none.
    mutating func finish(at number: Int, takesNext: Bool) -> (Answer, next: Item?) {
        let now = SystemClock.monotonicMicros()
        guard let call = places[number].call.take() else {
            preconditionFailure("only a call that has begun ends")
        }
        let isOurs = !places[number].isLost
        isQuick = now - call.beginMicros <= HandlerThreads.quickMicros
        let answer = Answer(
            worker: call.worker, atMicros: now, isQuick: isQuick, isOurs: isOurs)
        if !isOurs {
            hanging -= 1
            places[number] = Place()
            free.append(number)
        }
        guard isOurs, takesNext, let next = waiting.popFirst() else { return (answer, nil) }
        places[number].call = Call(beginMicros: now, worker: next.worker)
        return (answer, next)
    }

    /// Ends a place.
    mutating func leave(_ number: Int) -> UnsafeContinuation<Void, Never>? {
        places[number] = Place()
        free.append(number)
        placeCount -= 1
        return takeEnd()
    }

    /// Takes away the places of calls that began before a time, and have their workers still.
    mutating func takeLate(since due: Int) -> [(Waiter, Task<Void, Never>?)] {
        places.indices.compactMap { number in
            guard let call = places[number].call, call.beginMicros < due,
                let worker = call.worker
            else { return nil }
            return (worker, lose(number))
        }
    }

    /// Takes all work away from the places. Calls that are deaf to it are left alone.
    ///
    /// - Returns: The workers that wait, the tasks to cancel, and the end if it is time for it.
    mutating func cancel() -> (
        [Waiter], [Task<Void, Never>], UnsafeContinuation<Void, Never>?
    ) {
        isCancelled = true
        var workers = waiting.takeAll().map(\.worker)
        var tasks: [Task<Void, Never>] = []
        for number in places.indices where places[number].call != nil {
            if let worker = places[number].call?.worker { workers.append(worker) }
            if places[number].isLost {
                places[number].call?.worker = nil
            } else if let task = lose(number) {
                tasks.append(task)
            }
        }
        return (workers, tasks, takeEnd())
    }

    private mutating func lose(_ number: Int) -> Task<Void, Never>? {
        places[number].call?.worker = nil
        places[number].isLost = true
        placeCount -= 1
        hanging += 1
        return places[number].task.take()
    }
}
