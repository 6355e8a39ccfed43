/// A set of numbers below a bound: a bit each.
struct JobBits {
    /// The usual bound, for 8 KB.
    static let capacity = 1 << 16

    private var words: [UInt64]
    /// The number of members.
    private(set) var count = 0

    /// - Parameter capacity: The bound of the numbers, which is rounded up to a multiple of 64.
    init(capacity: Int = JobBits.capacity) {
        words = [UInt64](repeating: 0, count: (capacity + 63) / 64)
    }

    var isEmpty: Bool { count == 0 }

    func contains(_ number: Int) -> Bool { words[number >> 6] & Self.bit(number) != 0 }

    mutating func insert(_ numbers: Range<Int>) {
        for number in numbers where !contains(number) {
            words[number >> 6] |= Self.bit(number)
            count += 1
        }
    }

    /// - Returns: Whether the number was a member.
    @discardableResult
    mutating func remove(_ number: Int) -> Bool {
        guard contains(number) else { return false }
        words[number >> 6] &= ~Self.bit(number)
        count -= 1
        return true
    }

    /// The numbers that are no members.
    var inverted: JobBits { combined(with: self) { mine, _ in ~mine } }

    func union(_ other: JobBits) -> JobBits { combined(with: other, by: |) }
    func intersection(_ other: JobBits) -> JobBits { combined(with: other, by: &) }

    /// - Precondition: Both have one capacity.
    private func combined(with other: JobBits, by join: (UInt64, UInt64) -> UInt64) -> JobBits {
        var result = JobBits(capacity: 64 * words.count)
        for index in words.indices {
            result.words[index] = join(words[index], other.words[index])
            result.count += result.words[index].nonzeroBitCount
        }
        return result
    }

    /// The members as rising runs that do not touch.
    var runs: [Range<Int>] {
        var runs: [Range<Int>] = []
        for (index, word) in words.enumerated() where word != 0 {
            var rest = word
            while rest != 0 {
                let low = rest.trailingZeroBitCount
                let length = (~(rest >> UInt64(low))).trailingZeroBitCount
                let run = index << 6 + low..<index << 6 + low + length
                if let last = runs.last, last.upperBound == run.lowerBound {
                    runs[runs.count - 1] = last.lowerBound..<run.upperBound
                } else {
                    runs.append(run)
                }
                rest = low + length == 64 ? 0 : rest & (~0 << UInt64(low + length))
            }
        }
        return runs
    }

    /// The least members, at most `limit`, in rising order.
    func first(_ limit: Int = .max) -> [Int] {
        var numbers: [Int] = []
        for (index, word) in words.enumerated() where word != 0 {
            var rest = word
            while rest != 0, numbers.count < limit {
                numbers.append(index << 6 | rest.trailingZeroBitCount)
                rest &= rest - 1
            }
            if numbers.count == limit { break }
        }
        return numbers
    }

    private static func bit(_ number: Int) -> UInt64 { 1 << UInt64(number & 63) }
}
