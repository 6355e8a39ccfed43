/// A set of outcomes of attempts, as people name it: a status (`404`), statuses of one class
/// (`5xx`), or a reason (`timeout`; `handler` for all that handlers say, `handler:sold_out` for one).
public enum OutcomePattern: Hashable, Sendable {
    case status(UInt16)
    /// The statuses from the number times 100 on, a hundred of them.
    case statusClass(UInt16)
    case reason(Outcome.Reason)
    /// The name of a `HandlerReason`, which this process need not know.
    case handlerReason(String)

    /// - Returns: `nil` when the text names no outcome.
    public init?(_ text: String) {
        if let reason = Outcome.Reason(rawValue: text) {
            self = .reason(reason)
            return
        }
        if text.hasPrefix(HandlerReason.labelStart) {
            let name = String(text.dropFirst(HandlerReason.labelStart.count))
            guard HandlerReason.isName(name) else { return nil }
            self = .handlerReason(name)
            return
        }
        guard text.utf8.count == 3 else { return nil }
        if text.hasSuffix("xx"), let number = UInt16(text.prefix(1)), number >= 1 {
            self = .statusClass(number)
        } else if let status = UInt16(text), status >= 100 {
            self = .status(status)
        } else {
            return nil
        }
    }

    public var text: String {
        switch self {
        case .status(let status): "\(status)"
        case .statusClass(let number): "\(number)xx"
        case .reason(let reason): reason.rawValue
        case .handlerReason(let name): HandlerReason.labelStart + name
        }
    }

    /// Whether an outcome, whatever its state, is in the set.
    public func matches(_ outcome: Outcome) -> Bool {
        switch self {
        case .status(let status): outcome.reason == nil && outcome.status == status
        case .statusClass(let number): outcome.reason == nil && outcome.status / 100 == number
        case .reason(let reason): outcome.reason == reason
        case .handlerReason(let name): outcome.handlerReason?.text == name
        }
    }

    /// Whether the outcome with a label (`Outcome.label`) is in the set.
    public func matches(label: String) -> Bool {
        switch self {
        case .reason(.handler): label == text || label.hasPrefix(HandlerReason.labelStart)
        case .status, .reason, .handlerReason: label == text
        case .statusClass(let number): UInt16(label).map { $0 / 100 == number } ?? false
        }
    }
}
