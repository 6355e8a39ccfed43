/// Decides which process of a handler gets which response, when one is to be ended, and which
/// responses its end is held against. Does nothing itself.
///
/// A response that was in a process when it ended may have ended it. If there were several, each is
/// given once more, to a process that has nothing else; so the one that ends processes is found, and
/// the others go on. Responses that a process had not begun to read are innocent.
struct ProcessPlan {
    struct Rules: Sendable {
        /// The most processes at a time.
        let processes: Int
        /// The most responses in a process.
        let window: Int
        /// The most bytes of the lines in a process, unless one line alone has more.
        let lineBytesMax: Int
        /// The time in µs that a response may take.
        let limitMicros: Int
        /// The responses that one process can end before it fails.
        var deathsMax = 2
        /// The times that a response is given back, without being held to account, by processes that
        /// have answered nothing.
        var returnsMax = 5
        /// The pause in µs after a second process in a row that ended without an answer, doubled each
        /// further time.
        let pauseMicros: Int
        var pauseMicrosMax = 5_000_000
    }

    enum Action: Equatable {
        /// Start a process.
        case start(slot: Int)
        /// Give a response to a process.
        case send(number: Int, slot: Int)
    }

    /// The reason that a process is at its end.
    enum Cause {
        /// It ended, or it did what it must not.
        case fault
        /// It was ended since a response took too long.
        case overdue
    }

    /// The consequences of a process's end.
    struct Verdict: Equatable {
        /// The responses that have failed, or that nobody waits for.
        var failed: [Int] = []
        /// Whether no response can be handled.
        var isHopeless = false
    }

    private let rules: Rules
    private var slots: [ProcessSlot]
    /// Responses that no process has, in order.
    private var waiting: [PlannedResponse] = []
    /// Responses that may have ended a process: each gets one for itself.
    private var suspects: [PlannedResponse] = []
    /// Processes in a row that have ended without an answer, each counted twice that has not read
    /// anything either.
    private var futility = 0

    init(_ rules: Rules) {
        self.rules = rules
        slots = Array(repeating: ProcessSlot(), count: rules.processes)
    }

    /// Adds a response.
    ///
    /// - Parameter byteCount: The bytes of its line.
    mutating func add(_ number: Int, byteCount: Int) {
        waiting.append(PlannedResponse(number: number, byteCount: byteCount))
    }

    /// Drops a response that nobody waits for any more. A process that has it keeps it.
    ///
    /// - Returns: Whether no process has it.
    mutating func forget(_ number: Int) -> Bool {
        waiting.removeAll { $0.number == number }
        suspects.removeAll { $0.number == number }
        for slot in slots.indices where slots[slot].forget(number) { return false }
        return true
    }

    /// Returns the next thing to do, which counts as done then; `nil` when nothing can be done now.
    mutating func next(atMicros now: Int) -> Action? {
        if !suspects.isEmpty {
            if let slot = slots.firstIndex(where: { $0.isOpen && $0.sent.isEmpty }) {
                return send(suspects.removeFirst(), to: slot, alone: true, now)
            }
            if let slot = startable(now) { return start(slot) }
        }
        guard let first = waiting.first else { return nil }
        let slot = leastBusy(for: first)
        if let slot, slots[slot].sent.isEmpty {
            return send(waiting.removeFirst(), to: slot, alone: false, now)
        }
        // Before one that has something to do gets more.
        if let slot = startable(now) { return start(slot) }
        guard let slot else { return nil }
        return send(waiting.removeFirst(), to: slot, alone: false, now)
    }

    private func leastBusy(for response: PlannedResponse) -> Int? {
        var best: Int?
        for slot in slots.indices where slots[slot].takes(response, rules) {
            if best.map({ slots[slot].sent.count < slots[$0].sent.count }) ?? true { best = slot }
        }
        return best
    }

    private func startable(_ now: Int) -> Int? {
        slots.firstIndex { !$0.isOn && $0.notBeforeMicros <= now }
    }

    private mutating func start(_ slot: Int) -> Action {
        slots[slot].start()
        return .start(slot: slot)
    }

    private mutating func send(
        _ response: PlannedResponse, to slot: Int, alone: Bool, _ now: Int
    ) -> Action {
        slots[slot].take(response, alone: alone, atMicros: now)
        return .send(number: response.number, slot: slot)
    }

    /// Takes note of an answer.
    ///
    /// - Returns: Whether the process has the response.
    mutating func answered(_ number: Int, by slot: Int, atMicros now: Int) -> Bool {
        guard slots[slot].answered(number, atMicros: now) else { return false }
        futility = 0
        return true
    }

    /// Takes note that a process gets no more responses, since it reads or writes no more.
    mutating func close(_ slot: Int) { slots[slot].isClosed = true }

    /// The number of responses that a process has.
    func count(in slot: Int) -> Int { slots[slot].sent.count }

    /// Returns a process with a response that takes too long; `nil` when there is none.
    func overdue(atMicros now: Int) -> Int? {
        slots.firstIndex { $0.dueMicros(rules).map { $0 <= now } ?? false }
    }

    /// The time at which there may be something to do though nothing came; `nil` when there is none.
    var wakeMicros: Int? {
        var times = slots.compactMap { $0.dueMicros(rules) }
        if !waiting.isEmpty || !suspects.isEmpty {
            times += slots.filter { !$0.isOn }.map(\.notBeforeMicros)
        }
        return times.min()
    }

    /// The time in µs for which every process has something to do, whatever is left undone here: half
    /// of the time that its responses will take. 0 where that is too short to rest, or not known.
    ///
    /// | responses in each process | time of one | rest            |
    /// |---------------------------|-------------|-----------------|
    /// | 16                        | 20 µs       | 100 µs          |
    /// | 16                        | 100 µs      | 500 µs          |
    /// | 16                        | 2 ms        | none: no gain   |
    /// | 2                         | 20 µs       | none: too short |
    var gatheringMicros: Int {
        var left = Int.max
        for slot in slots where slot.isOn { left = min(left, slot.busyMicros) }
        // A rest is some 60 µs longer than was asked for.
        let rest = left == .max ? 0 : min(left / 2 - 60, 500)
        return rest < 20 ? 0 : rest
    }

    /// Takes note that a process is at its end.
    ///
    /// - Parameter readBytes: The bytes of its input that the process has taken.
    mutating func ended(
        _ slot: Int, _ cause: Cause, readBytes: Int, atMicros now: Int
    ) -> Verdict {
        let old = slots[slot]
        slots[slot].end(atMicros: now, rules)
        var verdict = Verdict()
        var touched = old.sent.filter { $0.begin < readBytes }.map(\.response)
        var innocent = old.sent.filter { $0.begin >= readBytes }.map(\.response)
        switch cause {
        case .fault:
            for index in touched.indices { touched[index].deaths += 1 }
            if touched.count == 1, touched[0].deaths >= rules.deathsMax {
                verdict.failed.append(touched.removeFirst().number)
            }
            suspects += touched
        case .overdue:
            // The first is the one that the process is at: others may wait behind it.
            if let first = touched.first {
                verdict.failed.append(first.number)
                innocent = touched.dropFirst() + innocent
            }
        }
        // One that has answered others meanwhile was no loss: there is an end to these.
        if !old.hasAnswered { for index in innocent.indices { innocent[index].returns += 1 } }
        // One that was found in bad company stays on its own.
        suspects += innocent.filter { $0.deaths > 0 }
        waiting.insert(contentsOf: innocent.filter { $0.deaths == 0 }, at: 0)
        let returnsMax = rules.returnsMax
        verdict.failed += take { $0.isForgotten || $0.returns > returnsMax }
        if !old.hasAnswered { futility += readBytes == 0 ? 2 : 1 }
        // One that is at its first response may answer yet.
        verdict.isHopeless =
            futility >= 2 * (4 + rules.processes) && !slots.contains { $0.isOn && $0.failures < 2 }
        return verdict
    }

    /// Takes away responses that no process has, and returns their numbers.
    private mutating func take(where isTaken: (PlannedResponse) -> Bool) -> [Int] {
        let taken = (suspects + waiting).filter(isTaken).map(\.number)
        suspects.removeAll(where: isTaken)
        waiting.removeAll(where: isTaken)
        return taken
    }
}
