internal import Glibc

/// The sizes by which durations are counted: log-linear, so that each power of two is cut into
/// `1 << fineness` equal parts, and a percentile differs from the true one by half a part at most.
///
/// | fineness | error | bytes |
/// |---:|---:|---:|
/// | 4 | 3.2 % | 1,860 |
/// | 3 | 6.3 % | 964 |
struct LogScale: Equatable {
    /// 1 or more.
    let fineness: Int

    /// Of a run.
    static let fine = LogScale(fineness: 4)
    /// Of a host.
    static let coarse = LogScale(fineness: 3)

    /// Longer durations, in µs, count as this one: 71 minutes.
    static let microsMax = Int(UInt32.max)

    /// The number of parts.
    @inline(__always)
    var count: Int { (33 - fineness) << fineness }

    /// - Parameter micros: From 0 to `microsMax`.
    @inline(__always)
    func index(of micros: Int) -> Int {
        let exponent = Int.bitWidth - 1 - (micros | 1 << fineness).leadingZeroBitCount
        let shift = exponent &- fineness
        return shift &<< fineness &+ micros &>> shift
    }

    /// The middle of the durations, in µs, that are counted at an index.
    func middle(of index: Int) -> Int {
        let shift = max(0, index >> fineness - 1)
        return (index - shift << fineness) << shift + (1 << shift) / 2
    }
}

/// A histogram that is being counted, in memory that its owner keeps: the count of each part, and
/// then the longest duration in µs. An array would be checked at each access, which takes four times
/// as many instructions.
struct Tally {
    let words: UnsafeMutablePointer<UInt32>
    let scale: LogScale

    static func wordCount(_ scale: LogScale) -> Int { scale.count + 1 }

    /// Takes memory, which `free` gives back.
    static func make(_ scale: LogScale) -> Tally {
        Tally(words: zeroed(wordCount(scale)), scale: scale)
    }

    /// Memory that is 0 everywhere, and takes none of the machine's until it is written to.
    static func zeroed(_ wordCount: Int) -> UnsafeMutablePointer<UInt32> {
        guard let memory = calloc(wordCount, MemoryLayout<UInt32>.size) else {
            fatalError("out of memory")
        }
        return memory.bindMemory(to: UInt32.self, capacity: wordCount)
    }

    func free() { Glibc.free(words) }

    /// Counts a duration in µs. One below 0, as of a clock that was set, counts as 0.
    @inline(__always)
    func add(_ micros: Int) {
        let micros = max(0, min(micros, LogScale.microsMax))
        let index = scale.index(of: micros)
        // At its end a count stays.
        if words[index] < .max { words[index] &+= 1 }
        let last = scale.count
        if micros > words[last] { words[last] = UInt32(truncatingIfNeeded: micros) }
    }

    func clear() { words.update(repeating: 0, count: Self.wordCount(scale)) }

    var maxMicros: Int { Int(words[scale.count]) }
}

/// Durations counted by their size, of which percentiles are read.
struct Histogram: Sendable {
    let scale: LogScale
    private(set) var counts: [Int]
    /// The longest duration, in µs; 0 when there is none.
    private(set) var maxMicros = 0

    init(_ scale: LogScale) {
        self.scale = scale
        counts = [Int](repeating: 0, count: scale.count)
    }

    init(_ tally: Tally) {
        self.init(tally.scale)
        add(tally)
    }

    /// The number of durations.
    var count: Int { counts.reduce(0, +) }

    /// Counts a duration in µs. One below 0 counts as 0.
    mutating func add(_ micros: Int) {
        let micros = max(0, min(micros, LogScale.microsMax))
        counts[scale.index(of: micros)] += 1
        maxMicros = max(maxMicros, micros)
    }

    /// The durations that came since an earlier state of this histogram. The longest is within half
    /// a part, unless it is the longest of all.
    func since(_ earlier: Histogram) -> Histogram {
        precondition(scale == earlier.scale, "parts of other sizes cannot be compared")
        var new = Histogram(scale)
        for index in counts.indices { new.counts[index] = counts[index] - earlier.counts[index] }
        guard let last = new.counts.lastIndex(where: { $0 > 0 }) else { return new }
        new.maxMicros =
            maxMicros > earlier.maxMicros ? maxMicros : min(scale.middle(of: last), maxMicros)
        return new
    }

    /// Adds what was counted on the same scale.
    mutating func add(_ tally: Tally) {
        precondition(scale == tally.scale, "parts of other sizes cannot be added")
        for index in counts.indices { counts[index] += Int(tally.words[index]) }
        maxMicros = max(maxMicros, tally.maxMicros)
    }

    /// Adds another histogram on the same scale.
    mutating func add(_ other: Histogram) {
        precondition(scale == other.scale, "parts of other sizes cannot be added")
        for index in counts.indices { counts[index] += other.counts[index] }
        maxMicros = max(maxMicros, other.maxMicros)
    }

    /// The duration in µs that the given share of the durations does not exceed.
    ///
    /// - Parameter share: From 0 to 1.
    /// - Returns: The middle of a part; 0 when nothing was counted.
    func percentile(_ share: Double) -> Int {
        var left = max(1, Int((Double(count) * share).rounded(.up)))
        for (index, count) in counts.enumerated() {
            left -= count
            if left <= 0 { return min(scale.middle(of: index), maxMicros) }
        }
        return 0
    }
}
