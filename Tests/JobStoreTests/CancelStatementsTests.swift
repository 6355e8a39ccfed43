import TestSupport
import Testing

@testable import JobStore

/// A cancellation reads rows of its own batch that it has to cancel, and no others.
@Suite struct CancelStatementsTests {
    private let folder = Folder()

    /// The steps of a statement's plan.
    private func plan(_ sql: String) async throws -> [String] {
        let path = folder.file("runner.db")
        await (try SQLiteQueue(path: path, access: .create)).close()
        let connection = try Connection(path: path, readOnly: true)
        let rows = try connection.prepare("EXPLAIN QUERY PLAN \(sql)")
        try rows.bind([])
        var steps: [String] = []
        while try rows.step() { steps.append(rows.text(3)) }
        return steps
    }

    private static let open = "(priority=? AND batch_id=?)"

    @Test(arguments: [
        (CancelStatements.unpark, "sqlite_autoindex_segment_1 (batch_id=?)"),
        (CancelStatements.endLeases[0], "segment_leased (runner_id>?)"),
        (CancelStatements.endLeases[1], "retry_leased (runner_id>?)"),
        (CancelStatements.spans, "span_available \(open)"),
        (CancelStatements.blocks, "PRIMARY KEY (batch_id=?)"),
        (CancelStatements.startsOfWaiting[0], "segment_open \(open)"),
        (CancelStatements.startsOfWaiting[1], "PRIMARY KEY (batch_id=?)"),
    ])
    func aStatement_goesByItsIndex(sql: String, index: String) async throws {
        let steps = try await plan(sql)
        #expect(steps.first?.hasPrefix("SEARCH") == true, "\(steps)")
        #expect(steps.first?.contains(index) == true, "\(steps)")
        // Nothing is read whole, and nothing sorted.
        #expect(!steps.contains { $0.hasPrefix("SCAN ") || $0.contains("TEMP") }, "\(steps)")
    }
}
