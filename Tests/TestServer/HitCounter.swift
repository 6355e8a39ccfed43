import Synchronization

/// The totals of an `Origin` over all IDs it counts.
public struct HitSummary: Sendable, Equatable {
    /// All hits, whatever was answered.
    public var requests: Int
    /// How many different IDs were hit.
    public var distinct: Int
    /// The hits that were not the first of their ID.
    public var repeated: Int { requests - distinct }
    /// The hits of the ID that has the most; stays at 65,535 once it is there.
    public var most: Int
    /// Requests that arrived and are neither answered in full nor given up by the client.
    public var inFlight: Int
}

/// Counts how often each ID was asked for, from any thread.
final class HitCounter: Sendable {
    private let tally: Mutex<Tally>
    private let inFlight = Atomic<Int>(0)
    private let revisions = Atomic<Int>(1)
    private let conditional = Atomic<Int>(0)
    private let unchanged = Atomic<Int>(0)

    init(maxIDs: Int) {
        tally = Mutex(Tally(maxIDs: maxIDs))
    }

    /// - Returns: Which hit of `id` this is, counted from 1; 0 when `id` is beyond those counted.
    func hit(_ id: Int) -> Int {
        tally.withLock { $0.hit(id) }
    }

    /// The revision of the resources that change, from 1.
    var revision: Int { revisions.load(ordering: .relaxed) }

    func revise() -> Int { revisions.add(1, ordering: .relaxed).newValue }

    /// The requests with conditions so far, and those of them that were answered with a 304.
    var conditions: (asked: Int, unchanged: Int) {
        (conditional.load(ordering: .relaxed), unchanged.load(ordering: .relaxed))
    }

    func wasAsked(unchanged isUnchanged: Bool) {
        conditional.add(1, ordering: .relaxed)
        if isUnchanged { unchanged.add(1, ordering: .relaxed) }
    }

    func requestBegan() {
        inFlight.add(1, ordering: .relaxed)
    }

    func requestEnded() {
        inFlight.subtract(1, ordering: .relaxed)
    }

    func hits(of id: Int) -> Int {
        tally.withLock { $0.hits(of: id) }
    }

    func summary() -> HitSummary {
        let inFlight = inFlight.load(ordering: .relaxed)
        return tally.withLock { tally in
            HitSummary(
                requests: tally.requests, distinct: tally.distinct, most: tally.most,
                inFlight: inFlight)
        }
    }

    /// - Returns: How many IDs of `range` were never hit, and the lowest `limit` of them, rising.
    /// - Complexity: O(*n*), *n* the IDs of `range` that lie in a page with hits.
    func missing(in range: Range<Int>, limit: Int) -> (count: Int, first: [Int]) {
        tally.withLock { $0.missing(in: range, limit: limit) }
    }

    func reset() {
        tally.withLock { $0 = Tally(maxIDs: $0.maxIDs) }
    }
}

/// Hits by ID in pages that come to be with their first hit, so that one high ID costs a page and
/// growing never copies what is already counted.
private struct Tally {
    private static let pageIDs = 65_536

    let maxIDs: Int
    private(set) var requests = 0
    private(set) var distinct = 0
    private(set) var most = 0
    /// An empty page stands for one without hits.
    private var pages: [[UInt16]] = []

    init(maxIDs: Int) {
        self.maxIDs = maxIDs
    }

    mutating func hit(_ id: Int) -> Int {
        guard (0..<maxIDs).contains(id) else { return 0 }
        let (page, place) = id.quotientAndRemainder(dividingBy: Self.pageIDs)
        if page >= pages.count {
            pages.append(contentsOf: repeatElement([], count: page + 1 - pages.count))
        }
        if pages[page].isEmpty {
            pages[page] = Array(repeating: 0, count: Self.pageIDs)
        }
        let before = pages[page][place]
        let hits = before == .max ? before : before + 1
        pages[page][place] = hits
        requests += 1
        distinct += before == 0 ? 1 : 0
        most = max(most, Int(hits))
        return Int(hits)
    }

    func hits(of id: Int) -> Int {
        guard id >= 0 else { return 0 }
        let (page, place) = id.quotientAndRemainder(dividingBy: Self.pageIDs)
        guard page < pages.count, !pages[page].isEmpty else { return 0 }
        return Int(pages[page][place])
    }

    func missing(in range: Range<Int>, limit: Int) -> (count: Int, first: [Int]) {
        // Without this the count of the widest range would not fit an Int.
        let range = range.clamped(to: 0..<Int.max)
        var count = 0
        var first: [Int] = []
        var id = range.lowerBound
        while id < range.upperBound {
            let (page, place) = id.quotientAndRemainder(dividingBy: Self.pageIDs)
            // Behind the last page nothing was hit: one run to the end.
            let isBehindPages = page >= pages.count
            let runIDs = isBehindPages ? Int.max : Self.pageIDs - place
            let run = id..<(id + min(runIDs, range.upperBound - id))
            if isBehindPages || pages[page].isEmpty {
                count += run.count
                first.append(contentsOf: run.prefix(max(0, limit - first.count)))
            } else {
                for (offset, hits) in pages[page][place..<(place + run.count)].enumerated()
                where hits == 0 {
                    count += 1
                    if first.count < limit { first.append(id + offset) }
                }
            }
            id = run.upperBound
        }
        return (count, first)
    }
}
