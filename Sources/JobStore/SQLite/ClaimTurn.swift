/// An SQL condition on `batch_id`; empty when nothing is left out, which is nearly always so.
struct OtherBatches {
    /// The text to append to a WHERE; its parameters, if any, are bound to `values`.
    let condition: String
    let values: [Value]
    /// The priority of the only batch, for looks at all priorities: by it an index finds the batch.
    private let priority: Int?
    /// The text to append to a WHERE over lanes; its parameters, if any, are bound to `laneValues`.
    let laneCondition: String
    let laneValues: [Value]

    init(
        than skipped: Set<Batch.ID>, _ lanes: Set<ListLane>,
        only batch: (id: Batch.ID, priority: Int)?
    ) {
        // A list in one value: the number of parameters is bounded, and each number of them would
        // be a statement of its own to prepare.
        var condition =
            skipped.isEmpty ? "" : "AND batch_id NOT IN (SELECT value FROM json_each(?))"
        var values: [Value] = skipped.isEmpty ? [] : [.text("\(Array(skipped))")]
        if let batch {
            condition += " AND batch_id = ?"
            values.append(.int(batch.id))
        }
        self.condition = condition
        self.values = values
        priority = batch?.priority
        laneCondition =
            lanes.isEmpty
            ? ""
            : """
            AND (batch_id, lane) NOT IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))
            """
        laneValues = lanes.isEmpty ? [] : [.text("\(lanes.map { [$0.batchID, $0.number] })")]
    }

    /// The same for a table that is read without its batches; its parameters are bound to
    /// `valuesWithPriority`.
    var conditionWithPriority: String { condition + (priority == nil ? "" : " AND priority = ?") }
    var valuesWithPriority: [Value] { values + (priority.map { [.int($0)] } ?? []) }
}

/// The batches of one priority that a claim looks at.
struct ClaimTurn {
    let priority: Int
    /// The text to append to a WHERE that compares a priority; together they take `values`.
    let condition: String
    let values: [Value]
    /// The same for the lanes of lists.
    let laneCondition: String
    let laneValues: [Value]

    init(_ others: OtherBatches, _ priority: Int) {
        laneCondition = others.laneCondition
        laneValues = others.laneValues
        self.priority = priority
        condition = others.condition
        values = [.int(priority)] + others.values
    }
}
