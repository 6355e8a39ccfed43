internal import JobStore

/// The blocks of lists that a run gives back to the queue, and for how long. Pure.
struct ParkedBlocks {
    /// Blocks that can go back now.
    private var leaving: [OpenBlocks.ID] = []
    /// The number of times that blocks went back.
    private var counts: [OpenBlocks.ID: Int] = [:]
    /// Lanes of one host each that are left alone until a time, in µs on the monotonic clock.
    private var resting: [ListLane: Int] = [:]

    /// The most blocks that are remembered. When there are more, all are forgotten: they are left
    /// alone for a shorter time then.
    private static let knownMax = 65_536
    /// The most lanes that are left alone: each claim passes over them.
    private static let restingMax = 256
    private static let doublingsMax = 6

    /// Whether no block waits to go back.
    var isEmpty: Bool { leaving.isEmpty }

    /// Adds a block that can go back now.
    mutating func add(_ id: OpenBlocks.ID) { leaving.append(id) }

    /// Takes out blocks that go back for one time.
    ///
    /// - Parameter firstMicros: The time in µs for a block that goes back for the first time; it
    ///   doubles each further time.
    mutating func takeNext(firstMicros: Int) -> (ids: [OpenBlocks.ID], micros: Int)? {
        guard let first = leaving.first else { return nil }
        if counts.count >= Self.knownMax { counts.removeAll() }
        let count = counts[first] ?? 0
        let ids = leaving.filter { counts[$0] ?? 0 == count }
        leaving.removeAll { counts[$0] ?? 0 == count }
        for id in ids { counts[id] = min(count + 1, Self.doublingsMax) }
        return (ids.sorted(), firstMicros << count)
    }

    /// Leaves a lane alone: its one host keeps jobs waiting.
    mutating func rest(_ lane: ListLane, untilMicros: Int) {
        guard resting.count < Self.restingMax else { return }
        resting[lane] = untilMicros
    }

    /// The lanes that are left alone now.
    mutating func lanes(at now: Now) -> Set<ListLane> {
        guard !resting.isEmpty else { return [] }
        resting = resting.filter { $0.value > now.monotonicMicros }
        return Set(resting.keys)
    }
}
