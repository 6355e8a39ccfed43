import ArgumentParser
import JobStore
import Runner
import Stores

struct Merge: StatusCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make one queue of all shards of a queue, done or not.",
        discussion: """
            The shards are those of a split, or of enqueue --shard; all must be named,
            and no run may work on one. What is not done can be done with the merged
            queue: run that from then on, and none of the shards. Responses stay in the
            shards' folders; runner verify checks that each job is in one of them.

            The shards are only read, but for their outputs: what a killed or failed run
            has left there is cut off, and the last file is sealed. The merged queue is
            there once it is whole.

            EXAMPLES
              runner merge --queue all.db 'shards/*/runner.db'
              runner verify --queue all.db
            """)

    @OptionGroup var file: QueueFileOptions

    @Argument(
        help: ArgumentHelp(
            "The shards' files, or patterns of them in quotes.", valueName: "shard"))
    var shards: [String]

    @Flag(help: "Print the result as JSON.")
    var json = false

    func validate() throws {
        for name in shards { try QueueOptions.check(name, given: name) }
    }

    func execute() async throws -> ExitStatus {
        let queue = file.options
        let shards = try QueuesOptions.queues(shards)
        guard let folder = queue.folder, !shards.contains(where: \.isShared) else {
            throw ValidationError(
                "a queue in PostgreSQL has no shards: any number of runs work on it as it is")
        }
        // Of the folder, since the file is not there yet.
        let realFolder = QueueOptions.real(folder)
        let merger = QueueMerger(shards.map(\.path), to: queue.path) { settings, shard in
            settings.place(from: shard, in: realFolder)
        } isClosed: { output, shard in
            OutputFiles.isClosed(output, queueFolder: shard)
        }
        let open = Set(try await merger.check())
        for shard in shards where open.contains(shard.path) {
            try await Self.closeOutput(of: shard)
        }
        let counts = try await merger.run()
        let report = MergeReport(queue: queue.path, shards: shards.count, counts: counts)
        try Terminal.output(json ? try JSON.text(report) : report.text)
        return .done
    }

    /// Takes back what a killed or failed run has left: nobody else does once the shards are merged.
    static func closeOutput(of queue: QueueOptions) async throws {
        let store = try openQueue(at: queue.location)
        do {
            try await closeOutput(of: store, in: queue.realFolder)
        } catch {
            await store.close()
            throw error
        }
        await store.close()
    }

    static func closeOutput(of store: any JobQueue, in folder: String?) async throws {
        do {
            try await OutputFiles.closeForGood(store, queueFolder: folder)
        } catch let error as SinkError where error.remedy == .putBackOrNameFolder {
            // There is no option that names another.
            throw SinkError(error.code, "\(error.description); put it back")
        }
    }
}

/// The result of `merge`; the JSON is a contract (docs/CLI.md).
struct MergeReport: Encodable {
    let queue: String
    let shards: Int
    let counts: QueueCounts

    private enum CodingKeys: CodingKey { case queue, shards, jobs }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(queue, forKey: .queue)
        try container.encode(shards, forKey: .shards)
        try container.encode(JobsDocument(counts), forKey: .jobs)
    }

    var text: String {
        let jobs = "\(Format.count(counts.total)) jobs"
        return "merged \(Format.count(shards)) shards to \(queue): \(jobs), "
            + (counts.left == 0
                ? "all done"
                : "\(Format.count(counts.left)) left: run it from now on, and none of the shards")
    }
}
