/// Durations counted by size, in parts that end at powers of two of a µs: up to 1.024 ms, 2.048 ms,
/// …, 67.1 s, and beyond. The ends are those of parts of a `LogScale`, so that nothing is estimated.
public struct DurationSizes: Codable, Equatable, Sendable {
    /// The number of durations in each part; `ends.count + 1`.
    public internal(set) var counts: [Int]
    /// The sum of all durations in µs.
    public internal(set) var sumMicros: Int

    /// The ends of all parts but the last, in µs: durations at an end count in the next part.
    public static let ends = (10...26).map { 1 << $0 }

    init() {
        counts = [Int](repeating: 0, count: Self.ends.count + 1)
        sumMicros = 0
    }
}

extension Histogram {
    /// The durations by size.
    ///
    /// - Parameter sumMicros: The sum of the durations in µs.
    func sizes(sumMicros: Int) -> DurationSizes {
        var sizes = DurationSizes()
        sizes.sumMicros = sumMicros
        var part = 0
        for (index, count) in counts.enumerated() {
            while part < DurationSizes.ends.count,
                index >= scale.index(of: DurationSizes.ends[part])
            {
                part += 1
            }
            sizes.counts[part] += count
        }
        return sizes
    }
}
