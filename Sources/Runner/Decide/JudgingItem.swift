public import JobStore

/// One thing that a list of judging rules names.
public enum JudgingItem: Sendable, Hashable {
    /// Statuses, all from 100 to 999: `404`, `4xx`, `500-504`.
    case statuses(ClosedRange<Int>)
    /// A reason why there is no whole answer: `timeout`.
    case reason(Outcome.Reason)
    /// All reasons by which the network got in the way: `network`.
    case network
    /// A POSIX extended regular expression that matches the beginning of the body: `body~quota`.
    case body(String)
    /// A media type that the answer has, or, where `isOther`, does not have: `type=text/html`,
    /// `type!=application/json`. In lower case.
    case type(String, isOther: Bool)

    /// The reasons that `network` stands for.
    static let networkReasons: [Outcome.Reason] = [.dns, .connect, .tls, .timeout, .reset]

    /// Whether the item looks at the answer itself, beyond its status.
    var isCondition: Bool {
        switch self {
        case .body, .type: true
        case .statuses, .reason, .network: false
        }
    }

    /// Whether the item can say that a job is completed.
    var canComplete: Bool { if case .statuses = self { true } else { false } }

    /// The item as it is written in a list.
    public var text: String {
        switch self {
        case .statuses(let statuses):
            let (first, last) = (statuses.lowerBound, statuses.upperBound)
            if first == last { return "\(first)" }
            return first % 100 == 0 && last == first + 99 ? "\(first / 100)xx" : "\(first)-\(last)"
        case .reason(let reason): return reason.rawValue
        case .network: return "network"
        case .body(let pattern): return "body~\(pattern)"
        case .type(let type, let isOther): return "type\(isOther ? "!=" : "=")\(type)"
        }
    }

    // MARK: - Text

    /// Reads a list of items with commas between.
    ///
    /// A regular expression may hold commas, so an item that begins with `body~` takes the rest of
    /// the list.
    ///
    /// - Returns: The items in order; none when the list is empty.
    /// - Throws: `JudgingFault` that names the first item that is none.
    public static func list(_ text: String) throws(JudgingFault) -> [JudgingItem] {
        var items: [JudgingItem] = []
        var rest = text[...]
        while true {
            rest = rest.drop { $0 == " " }
            if rest.hasPrefix("body~") {
                items.append(try item(String(rest)))
                return items
            }
            let word = rest.prefix { $0 != "," }
            let end = word.endIndex
            let trimmed = word.reversed().drop { $0 == " " }.reversed()
            if trimmed.isEmpty {
                // An empty list is one without items; a missing item is a slip.
                guard items.isEmpty, end == rest.endIndex else { throw JudgingFault(.unknown, "") }
                return items
            }
            items.append(try item(String(trimmed)))
            guard end < rest.endIndex else { return items }
            rest = rest[rest.index(after: end)...]
        }
    }

    private static func item(_ text: String) throws(JudgingFault) -> JudgingItem {
        if let pattern = text.dropped("body~") {
            guard !pattern.isEmpty else { throw JudgingFault(.unknown, text) }
            return .body(pattern)
        }
        if let type = text.dropped("type!=") { return try mediaType(type, isOther: true, text) }
        if let type = text.dropped("type=") { return try mediaType(type, isOther: false, text) }
        if text == "network" { return .network }
        if let reason = Outcome.Reason(rawValue: text), reason != .unchanged {
            return .reason(reason)
        }
        guard let statuses = statuses(text) else { throw JudgingFault(.unknown, text) }
        return .statuses(statuses)
    }

    private static func mediaType(
        _ type: String, isOther: Bool, _ text: String
    ) throws(JudgingFault) -> JudgingItem {
        let parts = type.split(separator: "/", omittingEmptySubsequences: false)
        let isToken = { (part: Substring) in
            !part.isEmpty && part.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x3B }
        }
        guard parts.count == 2, parts.allSatisfy(isToken) else {
            throw JudgingFault(.unknown, text)
        }
        return .type(type.lowercased(), isOther: isOther)
    }

    private static func statuses(_ text: String) -> ClosedRange<Int>? {
        let bytes = Array(text.utf8)
        if bytes.count == 3, bytes[1...].allSatisfy({ $0 | 0x20 == UInt8(ascii: "x") }),
            (0x31...0x39).contains(bytes[0])
        {
            let first = Int(bytes[0] - 0x30) * 100
            return first...first + 99
        }
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map(status)
        guard ends.count <= 2, let first = ends[0], let last = ends[ends.count - 1], first <= last
        else { return nil }
        return first...last
    }

    private static func status(_ text: Substring) -> Int? {
        guard text.utf8.count == 3, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let status = Int(text), status >= 100
        else { return nil }
        return status
    }
}

extension String {
    /// The text behind a prefix; `nil` when it does not begin so.
    fileprivate func dropped(_ prefix: String) -> String? {
        hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil
    }
}
