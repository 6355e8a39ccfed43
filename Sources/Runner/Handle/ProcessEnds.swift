/// Words on processes that were ended, or ended by themselves, for whoever follows a run: about one of
/// them a second.
struct ProcessEnds {
    private var lastMicros: Int?
    private var leftOut = 0

    private static let restMicros = 1_000_000

    /// Returns the words on the end of a process; `nil` when there were some just before.
    ///
    /// - Parameter clause: The reason of the end.
    mutating func words(on clause: String, atMicros now: Int) -> String? {
        if let lastMicros, now - lastMicros < Self.restMicros {
            leftOut += 1
            return nil
        }
        defer { (lastMicros, leftOut) = (now, 0) }
        let others = leftOut == 0 ? "" : ", and \(leftOut) others were at their end before"
        return "(this process \(clause)\(others))"
    }
}
