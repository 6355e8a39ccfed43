import JobStore

/// A list that is not complete, in `status` and `batches`; the JSON is a contract (docs/CLI.md).
struct ImportDocument: Encodable {
    private let batch: Int
    /// The name of the file; `nil` for a pipe.
    private let list: String?
    private let records: Int
    private let lines: Int
    /// Whether a process adds to the list; `nil` when that cannot be seen.
    private let isActive: Bool?

    init(_ unfinished: UnfinishedList) {
        batch = unfinished.batch.id
        list = unfinished.origin?.name
        records = unfinished.taken.records
        lines = unfinished.taken.lines
        isActive = unfinished.isBeingAdded
    }

    private enum CodingKeys: String, CodingKey {
        case batch, list, records, lines
        case isActive = "active"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(batch, forKey: .batch)
        try container.encode(list, forKey: .list)  // null, not absent
        try container.encode(records, forKey: .records)
        try container.encode(lines, forKey: .lines)
        try container.encode(isActive, forKey: .isActive)
    }

    /// The list in one line for people.
    var line: String {
        let from = list.map { Terminal.escaped($0) } ?? "a pipe"
        let count = Format.count(lines)
        switch isActive {
        case true?: return "being added: batch \(batch) from \(from), \(count) lines so far"
        case false?:
            let cure = list == nil ? "enqueue with --continue" : "the same enqueue"
            return
                "not complete: batch \(batch) from \(from), \(count) lines so far; go on with \(cure)"
        case nil: return "not complete: batch \(batch) from \(from), \(count) lines so far"
        }
    }

    /// The state in a word or two.
    var state: String { isActive == true ? "being added" : "not complete" }
}
