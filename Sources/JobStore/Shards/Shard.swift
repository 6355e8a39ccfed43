/// One of the parts that a queue is cut into, so that each is worked on by a machine of its own.
///
/// | count | shard 0 of 3 | shard 1 of 3 | shard 2 of 3 |
/// |---|---|---|---|
/// | 10 | 0..<3 | 3..<6 | 6..<10 |
/// | 20,000 | 0..<4,096 | 4,096..<12,288 | 12,288..<20,000 |
public struct Shard: Equatable, Hashable, Sendable {
    /// The number of the shard: 0 or more, less than `count`.
    public let number: Int
    /// The number of shards, 1 to `countMax`.
    public let count: Int

    /// The name of the queue's file in the folder of a shard.
    public static let queueName = "runner.db"

    /// The name of the choice that tells in which format responses were kept before the queue was
    /// split or merged (`JobLedger.setting`).
    public static let formatBeforeName = "format_before"
    /// The name of the choice that tells where the shards of a queue are that was split.
    public static let splitName = "split"

    /// The most shards.
    public static let countMax = 100_000

    /// - Returns: `nil` when the numbers are out of bounds.
    public init?(number: Int, of count: Int) {
        guard 1...Self.countMax ~= count, 0..<count ~= number else { return nil }
        self.number = number
        self.count = count
    }

    /// The positions of the shard's jobs in a batch; empty only where it has fewer jobs than there
    /// are shards.
    ///
    /// Shards of so many jobs begin at multiples of `Segment.countMax`, where a run cuts segments:
    /// so a queue that is split later has few segments to cut in two.
    ///
    /// - Parameter count: The number of the batch's jobs, 0 or more.
    public func positions(of count: Int) -> Range<Int> {
        start(of: number, in: count)..<start(of: number + 1, in: count)
    }

    private func start(of number: Int, in jobs: Int) -> Int {
        if number == count { return jobs }
        let product = number.multipliedFullWidth(by: jobs)
        let start = count.dividingFullWidth((product.high, product.low)).quotient
        return jobs / count < Segment.countMax ? start : start - start % Segment.countMax
    }
}
