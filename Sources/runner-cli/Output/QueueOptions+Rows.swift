import Glibc
import JobStore
import Stores

extension QueueOptions {
    /// Runs the body of a command that writes rows about the queue for as long as somebody reads
    /// them.
    func writeRows(
        _ body: (any JobLedger) async throws -> Void
    ) async throws -> ExitStatus {
        let ledger = try openLedger(at: path)
        do {
            try await body(ledger)
        } catch let error as OutputError where error.number == EPIPE {
            // The reader of the pipe has enough, as `head` does: nothing to complain of.
            await ledger.close()
            return .queue
        } catch {
            await ledger.close()
            throw error
        }
        await ledger.close()
        return .done
    }
}
