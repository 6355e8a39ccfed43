/// The number of jobs with each outcome, by code, or the change of that number. Code 0 means no
/// outcome yet.
struct OutcomeCounts {
    private var counts = [Int](repeating: 0, count: 256)
    /// The codes that were added to; `take` looks only at these, since a batch of one job has just
    /// one.
    private var touched: [UInt8] = []

    /// - Returns: Whether the sum fits an `Int`; if not, the count stays as it was.
    @discardableResult
    mutating func add(_ change: Int, to code: UInt8) -> Bool {
        let (sum, isTooLarge) = counts[Int(code)].addingReportingOverflow(change)
        if isTooLarge { return false }
        if counts[Int(code)] == 0 && !touched.contains(code) { touched.append(code) }
        counts[Int(code)] = sum
        return true
    }

    /// Returns the counts other than zero, and sets all counts to zero.
    mutating func take() -> [(code: UInt8, count: Int)] {
        var taken: [(code: UInt8, count: Int)] = []
        for code in touched where counts[Int(code)] != 0 {
            taken.append((code, counts[Int(code)]))
            counts[Int(code)] = 0
        }
        touched.removeAll(keepingCapacity: true)
        return taken
    }

    /// Returns the count of one outcome, and sets it to zero.
    mutating func take(_ code: UInt8) -> Int {
        defer { counts[Int(code)] = 0 }
        return counts[Int(code)]
    }
}
