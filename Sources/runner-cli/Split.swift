import ArgumentParser
import JobStore
import Runner
import Stores

struct Split: StatusCommand {
    static let configuration = CommandConfiguration(
        abstract: "Cut the queue into shards, to be run by as many machines.",
        discussion: """
            Each shard is a queue of its own, in a folder of its own: DIR/0/runner.db and
            so on. IDs, URLs and records are as in the whole; what is done is not done
            again, and what was begun goes on in its shard. The queue itself is not
            worked on any more; its output stays where it is. No run may be going on.

            Killed half-way, it has left the queue as it was, or all shards: give the
            same command again.

            EXAMPLES
              runner split --into 20 --dir shards
              runner run --queue shards/0/runner.db --output shards/0/responses
              runner status --queue 'shards/*/runner.db'
              runner merge --queue all.db 'shards/*/runner.db'
            """)

    @OptionGroup var file: QueueFileOptions

    @Option(help: ArgumentHelp("The number of shards.", valueName: "number"))
    var into: Int

    @Option(help: ArgumentHelp("The folder to make them in.", valueName: "folder"))
    var dir: String

    @Flag(help: "Print the result as JSON.")
    var json = false

    func validate() throws {
        guard 1...Shard.countMax ~= into else {
            throw ValidationError("--into is \(into); give 1 to \(Shard.countMax)")
        }
        guard !dir.isEmpty, Terminal.escaped(dir) == dir else {
            throw ValidationError(
                "the folder's name is empty or holds a control character; name another with --dir")
        }
    }

    func execute() async throws -> ExitStatus {
        let queue = file.options
        let store = try openFileQueue(at: queue.location)
        let folder = queue.realFolder
        let result: SplitQueue
        do {
            // Killed after it was split, it has shards to put in their places.
            if try await store.setting(Shard.splitName) == nil {
                try await Merge.closeOutput(of: store, in: folder)
            }
            result = try await store.split(into: into, folder: dir) { $0.place(from: folder) }
        } catch {
            await store.close()
            throw error
        }
        await store.close()
        let report = SplitReport(result: result, queue: queue.path)
        try Terminal.output(json ? try JSON.text(report) : report.text)
        return .done
    }
}

/// The result of `split`; the JSON is a contract (docs/CLI.md).
struct SplitReport: Encodable {
    let result: SplitQueue
    let queue: String

    private enum CodingKeys: String, CodingKey {
        case queue, shards, folder, jobs
        case isNew = "new"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(queue, forKey: .queue)
        try container.encode(result.count, forKey: .shards)
        try container.encode(result.folder, forKey: .folder)
        try container.encode(JobsDocument(result.counts), forKey: .jobs)
        try container.encode(result.isNew, forKey: .isNew)
    }

    var text: String {
        let folder = Terminal.escaped(result.folder)
        let names =
            "\(folder)/0/\(Shard.queueName)"
            + (result.count > 1 ? " to \(result.count - 1)/\(Shard.queueName)" : "")
        guard result.isNew else {
            return "\(queue) was split before: \(names)"
        }
        return
            "split \(queue) into \(names): \(Format.count(result.counts.total)) jobs, \(Format.count(result.counts.left)) left; it is not worked on any more"
    }
}
