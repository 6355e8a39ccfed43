import ArgumentParser
import JobStore

struct Enqueue: StatusCommand {
    static let configuration = CommandConfiguration(
        abstract: "Add jobs to the queue; make the queue if there is none.",
        discussion: """
            A range is kept as a range: a hundred million IDs are added in milliseconds.
            It works while a run is going on; the run picks the new jobs up.

            EXAMPLES
              runner enqueue --range 0..100000000 \\
                --url 'https://api.example.com/items/{id}'
              runner enqueue --range 1...500 --queue pages.db \\
                --url 'https://example.com/?page={}'
            """)

    @OptionGroup var queue: QueueOptions

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "IDs to fetch: A..B without B (A..<B is the same), A...B with it.", valueName: "A..B"),
        transform: JobRange.argument)
    var range: JobRange

    @Option(
        help: ArgumentHelp(
            "Where to fetch an ID: {id} or {} stands for it. (default: \(RequestTemplate.standard))",
            valueName: "template"))
    var url: String?

    @Flag(help: "Print the result as JSON.")
    var json = false

    func validate() throws { _ = try template() }

    private func template() throws -> RequestTemplate {
        do {
            let template = try RequestTemplate(parsing: url ?? RequestTemplate.standard)
            try template.checkHost()
            return template
        } catch {
            throw ValidationError(error.description)
        }
    }

    func execute() async throws -> ExitStatus {
        let request = try template()
        let store = try openQueue(at: queue.path, makesMissing: true)
        let batch: Batch
        do {
            batch = try await store.enqueue(range, request: request)
        } catch {
            await store.close()
            throw error
        }
        await store.close()
        let report = EnqueueReport(
            batch: batch.id, jobs: range.count, firstID: range.first, url: request.shownURL,
            queue: queue.path, isDefaultURL: url == nil)
        do {
            try Terminal.output(json ? try JSON.text(report) : report.text)
        } catch var error as OutputError {
            // Tried again, it would be queued twice.
            error.done = report.summary + ", but "
            throw error
        }
        return .done
    }
}

/// The result of `enqueue`.
struct EnqueueReport: Encodable {
    let batch: Int
    let jobs: Int
    let firstID: Int
    /// The URL without credentials, since logs keep it.
    let url: String
    let queue: String
    let isDefaultURL: Bool

    enum CodingKeys: String, CodingKey {
        case batch, jobs, url, queue
        case firstID = "first_id"
    }

    var text: String {
        "\(summary): \(Terminal.escaped(url))"
            + (isDefaultURL ? " (the default; name another with --url)" : "")
    }

    var summary: String {
        "queued \(Format.count(jobs)) jobs, IDs \(firstID)..<\(firstID + jobs), as batch \(batch) in \(queue)"
    }
}
