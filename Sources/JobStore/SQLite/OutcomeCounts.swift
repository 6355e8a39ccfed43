/// How many jobs have each outcome, by code; or how many more, or fewer. 0 is no outcome yet.
struct OutcomeCounts {
    private var counts = [Int](repeating: 0, count: 256)
    /// Codes that were added to: a batch of one job has one of them.
    private var touched: [UInt8] = []

    /// - Returns: Whether the sum can be counted; if not, it stays as it was.
    @discardableResult
    mutating func add(_ change: Int, to code: UInt8) -> Bool {
        let (sum, isTooLarge) = counts[Int(code)].addingReportingOverflow(change)
        if isTooLarge { return false }
        if counts[Int(code)] == 0 && !touched.contains(code) { touched.append(code) }
        counts[Int(code)] = sum
        return true
    }

    /// What there is, without zeros; nothing is left.
    mutating func take() -> [(code: UInt8, count: Int)] {
        var taken: [(code: UInt8, count: Int)] = []
        for code in touched where counts[Int(code)] != 0 {
            taken.append((code, counts[Int(code)]))
            counts[Int(code)] = 0
        }
        touched.removeAll(keepingCapacity: true)
        return taken
    }

    /// What there is of one outcome, of which nothing is left.
    mutating func take(_ code: UInt8) -> Int {
        defer { counts[Int(code)] = 0 }
        return counts[Int(code)]
    }
}
