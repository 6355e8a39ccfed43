internal import Glibc
internal import JobStore

/// Gives each host of a list its lane. A host with many lines gets one of its own; others share
/// lanes by their hash.
struct HostLanes {
    /// The number of lanes that hosts share.
    static let sharedMax = ListLane.sharedMax
    /// The number of lanes of a list that is taken as it comes. They are few, since what waits is
    /// made blocks of at least once a second: a block a lane.
    static let streamedMax = 64
    /// The most hosts with a lane of their own.
    private static let ownMax = 1024
    /// The lines after which a host gets its own lane: a block.
    private static let manyLines = Segment.countMax
    /// The most hosts that are counted.
    private static let countedMax = 1 << 16

    private struct Place {
        var lane: Int
        var lines: Int
    }

    /// The number of lanes that hosts share in this list.
    private let shared: Int
    /// Whether hosts with many lines get lanes of their own. Otherwise a host has the same lane in
    /// each process that reads the list.
    private let givesOwn: Bool
    private var places: [[UInt8]: Place] = [:]
    /// The lanes of hosts with many lines.
    private var own: [[UInt8]: Int] = [:]
    /// The host of the last line: most lines of a list follow others of their host.
    private var last: [UInt8] = []
    private var lastPlace: Place?
    /// The host of the first line; `nil` when there was none.
    private var first: [UInt8]?
    /// Whether there were lines of one host alone.
    private(set) var hasOneHost = true

    /// Gives lanes by the number of lines and by hash.
    init() { (shared, givesOwn) = (Self.sharedMax, true) }

    /// Gives lanes by hash alone.
    init(hashedTo count: Int) { (shared, givesOwn) = (count, false) }

    /// Returns the lane for another line of a host.
    ///
    /// - Parameter authority: Scheme, user, host and port of the line's URL.
    /// - Returns: `nil` when the host was not seen before, or is forgotten; then it must be `add`ed.
    mutating func lane(of authority: UnsafeRawBufferPointer) -> Int? {
        if lastPlace != nil, last.isEqual(to: authority) {
            return count()
        }
        leave()
        let key = Array(authority)
        guard let place = places[key] else { return nil }
        (last, lastPlace) = (key, place)
        return count()
    }

    /// Adds a host, and returns the lane for its first line.
    mutating func add(_ authority: UnsafeRawBufferPointer) -> Int {
        leave()
        if places.count >= Self.countedMax { places.removeAll(keepingCapacity: true) }
        let key = Array(authority)
        if first == nil { first = key }
        if first != key { hasOneHost = false }
        (last, lastPlace) = (key, Place(lane: own[key] ?? sharedLane(of: key), lines: 0))
        return count()
    }

    private mutating func leave() { if let lastPlace { places[last] = lastPlace } }

    private mutating func count() -> Int {
        lastPlace!.lines += 1
        if givesOwn, lastPlace!.lines == Self.manyLines, lastPlace!.lane < Self.sharedMax,
            own.count < Self.ownMax
        {
            lastPlace!.lane = Self.sharedMax + own.count
            own[last] = lastPlace!.lane
        }
        return lastPlace!.lane
    }

    /// The same for a host in each import: FNV-1a.
    private func sharedLane(of host: [UInt8]) -> Int {
        let hash = host.reduce(0xCBF2_9CE4_8422_2325 as UInt64) {
            ($0 ^ UInt64($1)) &* 0x100_0000_01B3
        }
        return Int((hash ^ hash >> 32) % UInt64(shared))
    }
}

extension [UInt8] {
    fileprivate func isEqual(to other: UnsafeRawBufferPointer) -> Bool {
        guard count == other.count, let bytes = other.baseAddress else {
            return isEmpty && other.isEmpty
        }
        return withUnsafeBytes { memcmp($0.baseAddress!, bytes, count) == 0 }
    }
}
