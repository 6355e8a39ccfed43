import Glibc
import JobStore
import Stores

/// The queues that a command looks at: one; the shards of a larger queue, which is shown as if it
/// were one; or several that have nothing to do with each other, one after another.
struct LookedAtQueues {
    private enum Kind {
        case one(QueueOptions)
        case shards(ShardLedger)
        case several([QueueOptions])
    }

    /// A queue as a command sees it.
    struct Look {
        let ledger: any JobLedger
        /// The name of the queue, for people.
        let name: String
        /// The queue's file; `nil` for shards, which have several.
        let queue: QueueOptions?
        let shards: ShardLedger?
    }

    private let kind: Kind
    /// The queues or shards, by number.
    let count: Int

    init(_ options: QueuesOptions) async throws {
        let queues = try options.queues()
        count = queues.count
        if let queue = queues.first, queues.count == 1 {
            kind = .one(queue)
        } else if !queues.contains(where: \.isShared),
            let shards = try await ShardLedger(queues.map(\.path))
        {
            kind = .shards(shards)
        } else {
            kind = .several(queues)
        }
    }

    /// Whether the queues have nothing to do with each other, so that what is shown must tell which
    /// it is of.
    var areUnrelated: Bool { if case .several = kind { true } else { false } }

    /// The name of all, for people.
    var name: String {
        switch kind {
        case .one(let queue): queue.path
        case .shards: "\(count) shards"
        case .several: "\(count) queues"
        }
    }

    /// Runs the body of a command with each queue, which is open for so long.
    func withEach(_ body: (Look) async throws -> Void) async throws {
        switch kind {
        case .one(let queue): try await look(at: queue, body)
        case .several(let queues):
            for queue in queues { try await look(at: queue, body) }
        case .shards(let shards):
            try await Self.closing(
                Look(ledger: shards, name: name, queue: nil, shards: shards), body)
        }
    }

    private func look(
        at queue: QueueOptions, _ body: (Look) async throws -> Void
    ) async throws {
        let ledger = try openLedger(at: queue.location)
        try await Self.closing(
            Look(ledger: ledger, name: queue.path, queue: queue, shards: nil), body)
    }

    private static func closing(
        _ look: Look, _ body: (Look) async throws -> Void
    ) async throws {
        do {
            try await body(look)
        } catch {
            await look.ledger.close()
            throw error
        }
        await look.ledger.close()
    }

    /// Runs the body of a command that writes rows about queues for as long as somebody reads them.
    func writeRows(
        _ body: (Look) async throws -> Void, atEnd end: () throws -> Void = {}
    ) async throws -> ExitStatus {
        do {
            try await withEach(body)
            try end()
        } catch let error as OutputError where error.number == EPIPE {
            // The reader of the pipe has enough, as `head` does: nothing to complain of.
            return .queue
        }
        return .done
    }
}
