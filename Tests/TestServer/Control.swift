/// A question or order to the origin itself, which is never counted or delayed.
enum Control {
    case summary
    case hits(id: Int)
    case missing(Range<Int>)
    case reset
    /// Changes the resources that change (`Versioned`).
    case revise
    /// Asks for the requests with conditions, and the answers of 304 (`Versioned`).
    case conditions

    /// - Parameter words: The components of the path after `/_/`.
    init?(_ words: ArraySlice<String>) {
        let words = Array(words)
        switch (words.first, words.count) {
        case ("hits", 1):
            self = .summary
        case ("hits", 2):
            guard let id = PathValue.count(words[1]) else { return nil }
            self = .hits(id: id)
        case ("missing", 3):
            guard let from = PathValue.count(words[1]), let to = PathValue.count(words[2]),
                from <= to
            else { return nil }
            self = .missing(from..<to)
        case ("reset", 1):
            self = .reset
        case ("revise", 1):
            self = .revise
        case ("conditions", 1):
            self = .conditions
        default:
            return nil
        }
    }

    /// - Returns: The answer, a JSON object.
    func perform(on counter: HitCounter) -> String {
        switch self {
        case .summary:
            let summary = counter.summary()
            return """
                {"requests":\(summary.requests),"distinct":\(summary.distinct),\
                "repeated":\(summary.repeated),"most":\(summary.most),\
                "in_flight":\(summary.inFlight)}
                """
        case .hits(let id):
            return #"{"id":\#(id),"hits":\#(counter.hits(of: id))}"#
        case .missing(let range):
            let missing = counter.missing(in: range, limit: 10)
            let first = missing.first.map(String.init).joined(separator: ",")
            return #"{"missing":\#(missing.count),"first":[\#(first)]}"#
        case .reset:
            counter.reset()
            return "{}"
        case .revise:
            return #"{"revision":\#(counter.revise())}"#
        case .conditions:
            let (asked, unchanged) = counter.conditions
            return #"{"asked":\#(asked),"unchanged":\#(unchanged)}"#
        }
    }
}
