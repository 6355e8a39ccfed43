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
              runner enqueue --range 0001..1000 --url 'https://example.com/{id:04}' \\
                -H 'Authorization: Bearer $TOKEN' --expand-env
              runner enqueue --range 0..1000 --url 'https://example.com/search?n={id}' \\
                --json-body '{"number": {id}}'
            """)

    @OptionGroup var queue: QueueOptions

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "IDs to fetch: A..B without B (A..<B is the same), A...B with it.", valueName: "A..B"),
        transform: TypedRange.init)
    var range: TypedRange

    @Option(
        help: ArgumentHelp(
            "Where to fetch an ID: {id} or {} stands for it, {id:08} with zeros in front. (default: \(RequestTemplate.standard))",
            valueName: "template"))
    var url: String?

    @OptionGroup(title: "Requests") var content: ContentOptions
    @OptionGroup(title: "Headers") var headers: HeaderOptions

    @Flag(help: "Print the result as JSON.")
    var json = false

    private func template() throws -> RequestTemplate {
        var headers = try headers.sources()
        for field in content.bodyHeaders where !headers.contains(field.name) {
            headers.append(.field(field))
        }
        let (method, body) = (try content.requestMethod(), try content.body())
        do {
            let template = try RequestTemplate(
                parsing: url ?? RequestTemplate.standard, method: method, headers: headers,
                body: body)
            try template.check()
            try range.check(template)
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
            batch = try await store.enqueue(range.range, request: request)
        } catch {
            await store.close()
            throw error
        }
        await store.close()
        let report = EnqueueReport(
            batch: batch.id, jobs: batch.count, firstID: batch.id(at: 0),
            method: request.method.rawValue, url: request.shownURL,
            queue: queue.path, isDefaultURL: url == nil)
        do {
            try Terminal.output(json ? try JSON.text(report) : report.text)
        } catch var error as OutputError {
            // Tried again, it would be queued twice.
            error.done = report.summary + ", but "
            throw error
        }
        if let secret = request.storedSecret {
            Terminal.say(
                "note: \(secret) is kept in the queue as text; with --expand-env, or -H @FILE, a reference is kept"
            )
        }
        return .done
    }
}

/// A range as it was typed.
struct TypedRange {
    let range: JobRange
    private let text: String

    init(_ text: String) throws {
        range = try JobRange.argument(text)
        self.text = text
    }

    /// Refuses zeros in front that the URL would drop without a word.
    fileprivate func check(_ template: RequestTemplate) throws(RequestTemplate.Malformed) {
        let digits = text.prefix { $0 != "." }
        guard digits.count > 1, digits.hasPrefix("0"),
            template.urlTemplate.placeholders.contains(where: { $0.digitsMin == 0 })
        else { return }
        throw .init(
            "the range \(text) has zeros in front, which {id} does not write; write {id:0\(digits.count)} in the URL to keep them, or the range without them"
        )
    }
}

extension [HeaderSource] {
    /// Whether a field of this name is among them.
    fileprivate func contains(_ name: String) -> Bool {
        contains { source in
            switch source {
            case .field(let field): HeaderTemplate.isSame(field.name, name)
            case .file: false
            }
        }
    }
}

extension RequestTemplate {
    /// The first secret that the queue keeps as text, named for people; `nil` when there is none.
    fileprivate var storedSecret: String? {
        let secret = headers.lazy.compactMap { source in
            switch source {
            case .field(let field) where field.isSecret && !field.readsEnvironment:
                "the header \(field.name)"
            case .field, .file: nil
            }
        }.first
        return secret ?? (shownURL != url ? "the user name of the URL, with its password," : nil)
    }
}

/// The result of `enqueue`.
struct EnqueueReport: Encodable {
    let batch: Int
    let jobs: Int
    let firstID: Int
    let method: String
    /// The URL without credentials, since logs keep it.
    let url: String
    let queue: String
    let isDefaultURL: Bool

    enum CodingKeys: String, CodingKey {
        case batch, jobs, method, url, queue
        case firstID = "first_id"
    }

    var text: String {
        "\(summary): \(method == "GET" ? "" : method + " ")\(Terminal.escaped(url))"
            + (isDefaultURL ? " (the default; name another with --url)" : "")
    }

    var summary: String {
        "queued \(Format.count(jobs)) jobs, IDs \(firstID)..<\(firstID + jobs), as batch \(batch) in \(queue)"
    }
}
