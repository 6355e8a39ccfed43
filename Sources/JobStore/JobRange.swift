/// A run of job IDs, as a user writes it: `0..100`, `0..<100` (both half-open) or `0...99`; of a
/// range with a step, each `step`-th ID of these, beginning with the first.
public struct JobRange: Equatable, Sendable {
    /// The first ID, 0 or more.
    public let first: Int
    /// The number of IDs, 1 or more.
    public let count: Int
    /// The distance from one ID to the next, 1 or more.
    public let step: Int

    /// - Precondition: `canHold` holds.
    public init(first: Int, count: Int, step: Int = 1) {
        precondition(
            Self.canHold(first: first, count: count, step: step),
            "a range has a first ID ≥ 0, at least one ID, a step ≥ 1, and ends within Int")
        self.first = first
        self.count = count
        self.step = step
    }

    /// Whether there is a range of these numbers: `first` ≥ 0, `count` ≥ 1, `step` ≥ 1, and the
    /// last ID is less than `Int.max`.
    package static func canHold(first: Int, count: Int, step: Int) -> Bool {
        guard first >= 0, count >= 1, step >= 1 else { return false }
        let (length, isTooLong) = (count - 1).multipliedReportingOverflow(by: step)
        guard !isTooLong else { return false }
        let (last, isTooFar) = first.addingReportingOverflow(length)
        return !isTooFar && last < Int.max
    }

    /// The last ID.
    public var last: Int { first + (count - 1) * step }

    /// The ID of a job.
    ///
    /// - Parameter position: The position of the job, 0 or more and less than `count`.
    public func id(at position: Int) -> Int { first + position * step }

    /// The position of the job with an ID; `nil` when no job has it.
    public func position(of id: Int) -> Int? {
        guard id >= first, id <= last, (id - first).isMultiple(of: step) else { return nil }
        return (id - first) / step
    }

    /// The positions of the jobs with some IDs; empty when no job has one of these.
    public func positions(of ids: Range<Int>) -> Range<Int> {
        let known = ids.clamped(to: first..<last + 1)
        return positions(before: known.lowerBound)..<positions(before: known.upperBound)
    }

    /// The number of jobs with an ID less than `id`, which is `first` or more.
    private func positions(before id: Int) -> Int {
        let (position, rest) = (id - first).quotientAndRemainder(dividingBy: step)
        return rest == 0 ? position : position + 1
    }

    /// Reads `A..B`, `A..<B` (B is not included) or `A...B` (B is included), in decimal digits;
    /// `_` may group them as in Swift.
    ///
    /// - Parameter step: The distance from one ID to the next, 1 or more.
    /// - Throws: `Malformed`, with a sentence that names the fault.
    public init(parsing text: String, step: Int = 1) throws(Malformed) {
        precondition(step >= 1, "IDs rise")
        let (separator, isClosed) =
            text.contains("...")
            ? ("...", true) : text.contains("..<") ? ("..<", false) : ("..", false)
        guard let split = text.firstRange(of: separator) else {
            throw Malformed("'\(text)' is not a range; write it as 0..1000")
        }
        let first = try Self.number(text[..<split.lowerBound], in: text)
        let last = try Self.number(text[split.upperBound...], in: text)
        guard last >= first else {
            throw Malformed(
                "the range \(text) is reversed; did you mean \(last)\(separator)\(first)?")
        }
        let (count, tooLong) = (last - first).addingReportingOverflow(isClosed ? 1 : 0)
        guard !tooLong, !first.addingReportingOverflow(count).overflow else {
            throw Malformed("the range \(text) goes past the largest ID, \(Int.max)")
        }
        guard count > 0 else {
            throw Malformed(
                "the range \(text) is empty; its end is not included (\(first)...\(last) would include it)"
            )
        }
        self.init(first: first, count: (count - 1) / step + 1, step: step)
    }

    private static func number(_ digits: Substring, in text: String) throws(Malformed) -> Int {
        let bare = digits.filter { $0 != "_" }
        if digits.hasPrefix("-"), Int(bare) != nil {
            throw Malformed("the range \(text) holds a negative ID; IDs start at 0")
        }
        guard !bare.isEmpty,
            bare.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else {
            throw Malformed("'\(text)' is not a range; write it as 0..1000")
        }
        guard let number = Int(bare) else {
            throw Malformed("\(digits) in the range \(text) is past the largest ID, \(Int.max)")
        }
        return number
    }

    /// The reason a text is not a range.
    public struct Malformed: Error, Equatable, CustomStringConvertible {
        public let description: String
        init(_ description: String) { self.description = description }
    }
}

extension StringProtocol {
    /// The range of the first occurrence of `part`; `nil` when there is none. (Foundation is not
    /// linked.)
    package func firstRange(of part: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(part) {
                return start..<index(start, offsetBy: part.count)
            }
            start = index(after: start)
        }
        return nil
    }

    func contains(_ part: String) -> Bool { firstRange(of: part) != nil }
}
