import StoreConformance
import TestSupport
import Testing

@testable import JobStore

/// How jobs stand, read from SQLite, and what damage is called.
@Suite struct SQLiteLedgerTests {
    private let folder = Folder()
    private var path: String { folder.file("runner.db") }

    /// 20,000 jobs: 4,096 are completed in a span, as many stand mixed and deflated, as many mixed
    /// and leased to a runner that is gone, the rest is available in a span.
    private func mixed() async throws {
        let queue = StoreClient(to: try SQLiteQueue(path: path, access: .create))
        _ = try await queue.enqueue(
            JobRange(first: 0, count: 20_000),
            request: try RequestTemplate(parsing: "http://127.0.0.1/{id}"))
        _ = try await queue.attach(RunnerDescription(pid: 1, workers: 1))
        let (ok, notFound) = (Outcome(.completed, status: 200), Outcome(.failed, status: 404))
        for (index, segment) in try await queue.claim(jobs: 12_288).enumerated() {
            var marks: [Mark] = []
            for position in segment.todo.flatMap({ $0 }) where index < 2 || position % 3 == 0 {
                let outcome = index == 0 || position % 2 == 0 ? ok : notFound
                marks.append(
                    Mark(batchID: 1, position: position, attempt: 1, outcome: outcome))
            }
            try await queue.commit(marks, heartbeat: Heartbeat(requestsPerSecond: 1))
        }
        await queue.close()
    }

    /// Reads all pages, beginning at a position of the first batch.
    private func readAll(from position: Int = 0) async throws -> [LedgerPage.Span] {
        let queue = try SQLiteQueue(path: path, access: .read)
        do {
            var spans: [LedgerPage.Span] = []
            var place: LedgerPlace? = LedgerPlace(batchID: 1, position: position)
            while let from = place {
                let page = try await queue.page(from: from)
                spans += page.spans
                place = page.next
            }
            await queue.close()
            return spans
        } catch {
            await queue.close()
            throw error
        }
    }

    @Test(arguments: [0, 1, 4095, 4096, 4097, 8191, 8192, 12_287, 12_288, 12_289, 19_999])
    func page_beginsAnywhere(position: Int) async throws {
        try await mixed()
        var next = position
        for span in try await readAll(from: position) {
            #expect(span.positions.lowerBound == next)
            next = span.positions.upperBound
        }
        #expect(next == 20_000)
    }

    @Test(arguments: [
        ("UPDATE span SET first = first + 1, count = count - 1 WHERE outcome = 0", "12288..<12289"),
        ("UPDATE span SET first = first - 1, count = count + 1 WHERE outcome = 0", "12287"),
        ("UPDATE span SET count = count + 1 WHERE first = 12288", "7713"),
        ("UPDATE span SET count = 9223372036854775807 WHERE first = 12288", "9223372036854775807"),
        ("UPDATE span SET count = -1 WHERE first = 12288", "-1"),
        ("UPDATE span SET count = 1 WHERE first = 12288", "12289..<20000 of batch 1"),
        ("UPDATE span SET outcome = 77 WHERE first = 12288", "outcome 77"),
        ("UPDATE span SET outcome = -1 WHERE first = 12288", "outcome -1"),
        ("UPDATE span SET outcome = 256 WHERE first = 12288", "outcome 256"),
        ("DELETE FROM span", "0..<4096"),
        ("DELETE FROM segment WHERE first = 4096", "4096..<8192"),
        ("UPDATE segment SET outcomes = x'0102' WHERE first = 4096", "do not unpack"),
        ("UPDATE segment SET count = 9000 WHERE first = 8192", "do not unpack"),
        ("UPDATE segment SET count = 5 WHERE first = 8192", "do not unpack"),
        ("UPDATE segment SET outcomes = CAST(hex(outcomes) AS BLOB)", "do not unpack"),
        ("DELETE FROM outcome WHERE status = 200", "outcome 5"),
        ("UPDATE outcome SET reason = 'whim' WHERE status = 404", "outcome 6"),
        ("UPDATE outcome SET status = 70000 WHERE status = 404", "outcome 6"),
        ("UPDATE batch SET url = 'nowhere'", "batch 1 is missing or unreadable"),
        ("UPDATE batch SET url = NULL", "batch 1 is missing or unreadable"),
        ("UPDATE batch SET first_id = -1", "batch 1 is missing or unreadable"),
        ("UPDATE batch SET first_id = 9223372036854775807", "batch 1 is missing or unreadable"),
        ("UPDATE batch SET count = 0", "batch 1 is missing or unreadable"),
        ("UPDATE batch SET options = '{\"step\":0}'", "batch 1 is missing or unreadable"),
        ("UPDATE batch SET options = '{\"step\":-1}'", "batch 1 is missing or unreadable"),
        ("UPDATE batch SET options = '{\"step\":\"7\"}'", "batch 1 is missing or unreadable"),
        ("UPDATE batch SET options = '{\"step\":1e18}'", "batch 1 is missing or unreadable"),
        (
            "UPDATE batch SET options = '{\"step\":9223372036854775807}'",
            "batch 1 is missing or unreadable"
        ),
        ("UPDATE batch SET count = 20001", "20000..<20001"),
        ("UPDATE batch SET count = 19999", "7712"),
    ])
    func page_namesTheDamage(sql: String, says words: String) async throws {
        try await mixed()
        do {
            let connection = try Connection(path: path, readOnly: false)
            try connection.execute("PRAGMA ignore_check_constraints = ON; \(sql)")
        }
        let error = await #expect(throws: QueueError.self) { try await readAll() }
        #expect(error?.code == .damaged)
        #expect(error?.description.contains(words) == true, "\(String(describing: error))")
        #expect(error?.description.hasSuffix("; restore a copy") == true)
        // In the midst of it, too.
        for position in [5000, 9000, 15_000] {
            do {
                _ = try await readAll(from: position)
            } catch let error as QueueError {
                #expect(error.code == .damaged)
            }
        }
    }
}
