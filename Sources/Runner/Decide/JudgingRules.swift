internal import JobStore
internal import Links

/// The choice of which answers complete a job, which are tried again, and which fail it. Pure.
///
/// An answer is judged by the first of these that applies:
///
/// 1. a condition on the answer itself (`AnswerConditions`): first those that fail it, then those
///    that have it tried again
/// 2. the narrowest item that holds its status: `404` before `400-404` before `4xx`
/// 3. the built-in rule: 2xx completes; 408, 425, 429 and 5xx are tried again; others fail
public struct JudgingRules: Sendable, Equatable {
    /// The consequence of an attempt for its job.
    public enum Verdict: String, Sendable, CaseIterable {
        case complete, retry, fail
    }

    private let items: [Verdict: [JudgingItem]]
    /// The verdict on each status from 0 to 999.
    private var byStatus: [Verdict]
    /// The verdicts on reasons that differ from the built-in rule, or may.
    private var byReason: [Outcome.Reason: Verdict] = [:]

    /// The built-in rule.
    public init() {
        items = [:]
        byStatus = Self.builtIn
    }

    /// - Parameter items: The items of each verdict.
    /// - Throws: `JudgingFault` when an item cannot have its verdict, or two items contradict each
    ///   other.
    public init(_ items: [Verdict: [JudgingItem]]) throws(JudgingFault) {
        self.items = items
        byStatus = Self.builtIn
        for item in items[.complete] ?? [] where !item.canComplete {
            throw JudgingFault(.completesNothing, item.text)
        }
        try applyStatuses()
        try applyReasons()
        // Found out here, not by the first answer.
        for case .body(let pattern) in items.values.joined() {
            do throws(PatternFault) {
                _ = try BytePattern(pattern)
            } catch {
                throw JudgingFault(.badPattern(error.description), "body~\(pattern)")
            }
        }
    }

    /// Returns the verdict on a whole answer, by its status alone.
    func verdict(onStatus status: Int) -> Verdict {
        byStatus.indices.contains(status) ? byStatus[status] : .fail
    }

    /// Returns the verdict on an attempt that got no whole answer; `nil` where the built-in rule
    /// counts.
    func verdict(on reason: Outcome.Reason) -> Verdict? { byReason[reason] }

    /// Whether the user says that a status completes or fails a job, or has it tried again where the
    /// built-in rule would not. Then it is an answer, and no trouble of its host.
    func isChosen(_ status: Int) -> Bool {
        if items.isEmpty { return false }
        let verdict = verdict(onStatus: status)
        if verdict == .retry { return !Judge.isWorthRetrying(status) }
        return (items[verdict] ?? []).contains {
            if case .statuses(let statuses) = $0 { statuses.contains(status) } else { false }
        }
    }

    /// The conditions that give a verdict, in the order they were given.
    func conditions(for verdict: Verdict) -> [JudgingItem] {
        (items[verdict] ?? []).filter(\.isCondition)
    }

    /// Whether there are conditions on the answers themselves.
    var hasConditions: Bool { items.values.joined().contains(where: \.isCondition) }

    /// Whether there are conditions on bodies.
    var needsBodies: Bool {
        items.values.joined().contains { if case .body = $0 { true } else { false } }
    }

    // MARK: - Tables

    private static let builtIn: [Verdict] = (0..<1000).map { status in
        if (200..<300).contains(status) { return .complete }
        return Judge.isWorthRetrying(status) ? .retry : .fail
    }

    private mutating func applyStatuses() throws(JudgingFault) {
        var widths = [Int](repeating: .max, count: byStatus.count)
        var owners = [String](repeating: "", count: byStatus.count)
        for verdict in Verdict.allCases {
            for case .statuses(let statuses) in items[verdict] ?? [] {
                let text = JudgingItem.statuses(statuses).text
                for status in statuses {
                    if statuses.count == widths[status], byStatus[status] != verdict {
                        throw JudgingFault(.contradiction(with: owners[status]), text)
                    }
                    guard statuses.count < widths[status] else { continue }
                    (byStatus[status], widths[status]) = (verdict, statuses.count)
                    owners[status] = text
                }
            }
        }
    }

    private mutating func applyReasons() throws(JudgingFault) {
        var network: Verdict?
        for verdict in Verdict.allCases {
            for item in items[verdict] ?? [] {
                switch item {
                case .reason(let reason):
                    guard byReason[reason] ?? verdict == verdict else {
                        throw JudgingFault(.contradiction(with: item.text), item.text)
                    }
                    byReason[reason] = verdict
                case .network:
                    guard network ?? verdict == verdict else {
                        throw JudgingFault(.contradiction(with: item.text), item.text)
                    }
                    network = verdict
                case .statuses, .body, .type: break
                }
            }
        }
        guard let network else { return }
        // A reason by its own name is narrower.
        for reason in JudgingItem.networkReasons { byReason[reason] = byReason[reason] ?? network }
    }
}

/// The reason why rules of judging cannot be used.
public struct JudgingFault: Error, Sendable, Equatable {
    public enum Code: Sendable, Equatable {
        /// The item is none that is known.
        case unknown
        /// Nothing can be completed by the item: only statuses can.
        case completesNothing
        /// Another verdict has the same item, or one that is as narrow.
        case contradiction(with: String)
        /// The regular expression is none; the text is the system's.
        case badPattern(String)
    }

    public let code: Code
    /// The item as it was written.
    public let item: String

    init(_ code: Code, _ item: String) {
        self.code = code
        self.item = item
    }
}
