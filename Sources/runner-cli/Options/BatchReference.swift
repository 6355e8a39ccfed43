import ArgumentParser
import JobStore

/// A batch as a user names it: by its ID or its name.
struct BatchReference: ExpressibleByArgument {
    private let text: String

    init?(argument: String) { text = argument }

    /// Finds the batch.
    ///
    /// - Throws: `ValidationError` when there is none.
    func summary(in ledger: any JobLedger) async throws -> BatchSummary {
        guard let found = try await find(in: ledger) else { throw missing }
        return found
    }

    /// The error where there is no such batch.
    var missing: ValidationError {
        ValidationError(
            "there is no batch '\(Terminal.escaped(text))'; runner batches lists those there are")
    }

    /// Finds the batch; `nil` when there is none.
    func find(in ledger: any JobLedger) async throws -> BatchSummary? {
        let isID = !text.isEmpty && text.utf8.allSatisfy { 0x30...0x39 ~= $0 }
        let id = isID ? Int(text) : try await ledger.batch(named: text)?.id
        guard let id, let found = try await ledger.batches(from: id, limit: 1).summaries.first,
            found.batch.id == id
        else { return nil }
        return found
    }
}

extension BatchSummary {
    /// The batch for people: `batch 3 (sitemap)`.
    var title: String {
        "batch \(batch.id)" + (name.map { " (\(Terminal.escaped($0)))" } ?? "")
    }
}
