/// A run of job IDs, as a user writes it: `0..100`, `0..<100` (both half-open) or `0...99`.
public struct JobRange: Equatable, Sendable {
    /// The first ID, 0 or more.
    public let first: Int
    /// The number of IDs, 1 or more; `first + count` never overflows.
    public let count: Int

    /// - Precondition: `first` ≥ 0, `count` ≥ 1 and their sum fits an `Int`.
    public init(first: Int, count: Int) {
        precondition(first >= 0 && count >= 1, "a range has a first ID ≥ 0 and at least one ID")
        precondition(!first.addingReportingOverflow(count).overflow, "a range ends within Int")
        self.first = first
        self.count = count
    }

    /// Reads `A..B`, `A..<B` (B is not included) or `A...B` (B is included), in decimal digits;
    /// `_` may group them as in Swift.
    ///
    /// - Throws: `Malformed`, with a sentence that names the fault.
    public init(parsing text: String) throws(Malformed) {
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
        self.init(first: first, count: count)
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
    func firstRange(of part: String) -> Range<Index>? {
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
