import ArgumentParser
import JobStore
import Lists
import Runner
import Stores

struct Enqueue: StatusCommand {
    static let configuration = CommandConfiguration(
        abstract: "Add jobs to the queue; make the queue if there is none.",
        discussion: """
            A range is kept as a range: a hundred million IDs are added in milliseconds.
            A list (a URL a line, CSV, TSV, JSON Lines, a sitemap; gzip, zstd, bzip2 or xz
            read as they are) is kept line by line; all of it is queued, or nothing, but
            with --streaming, which queues lines as they come. A list that is a URL is
            fetched, and so are the sitemaps that an index names.
            It works while a run is going on; the run picks the new jobs up.

            EXAMPLES
              runner enqueue urls.txt.gz
              runner enqueue https://example.com/sitemap.xml
              runner enqueue shops.csv --key-column sku \\
                --url 'https://example.com/{country}/{sku}'
              producer | runner enqueue --streaming -i - & runner run --follow
              runner enqueue --range 0..100000000 \\
                --url 'https://api.example.com/items/{id}'
              runner enqueue --range 0..10000 --step 100 \\
                --url 'https://example.com/search?from={id}'
              runner enqueue --range 1...500 --queue pages.db \\
                --url 'https://example.com/?page={}'
              runner enqueue --range 0001..1000 --url 'https://example.com/{id:04}' \\
                -H 'Authorization: Bearer $TOKEN' --expand-env
              runner enqueue --range 0..1000 --url 'https://example.com/search?n={id}' \\
                --json-body '{"number": {id}}'
              runner enqueue --from-batch sitemap --changed --name again
              runner enqueue --range 0..1000000000 --shard "$JOB_COMPLETION_INDEX/100" \\
                --url 'https://api.example.com/items/{id}'
            """)

    @OptionGroup var queue: QueueOptions

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "IDs to fetch: A..B without B (A..<B is the same), A...B with it.", valueName: "A..B"),
        transform: TypedRange.init)
    var range: TypedRange?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Take each number-th ID of the range: 0..100 with 10 is 0, 10, ..., 90.",
            valueName: "number"))
    var step: Int?

    @Option(
        help: ArgumentHelp(
            "Queue only this of the shards of the range, the first of five is 0/5; each in a queue of its own.",
            valueName: "i/n"),
        transform: Shard.argument)
    var shard: Shard?

    @Option(
        help: ArgumentHelp(
            "Where to fetch an ID: {id} or {} stands for it, {id:08} with zeros in front; of a list, {column} for a field. (default: \(RequestTemplate.standard))",
            valueName: "template"))
    var url: String?

    @OptionGroup var batch: BatchFlags

    @OptionGroup(title: "Requests of another batch") var fromBatch: FromBatchFlags
    @OptionGroup(title: "Lists") var list: ListFlags
    @OptionGroup(title: "Lists from a URL") var network: ListTransportOptions
    @OptionGroup(title: "Requests") var content: ContentOptions
    @OptionGroup(title: "Headers") var headers: HeaderOptions

    @Flag(help: "Print the result as JSON.")
    var json = false

    /// Checks what is to be queued. Not part of `validate`, which comes before the parser's word on
    /// options that it does not know, whose values look like lists.
    private func check() throws {
        let isList = !list.names.isEmpty
        if let name = list.names.first(where: TypedRange.isLikeRange) {
            throw ValidationError("'\(name)' looks like a range; give one with --range")
        }
        guard range == nil || !isList else {
            throw ValidationError(
                "--range and the list '\(list.names[0])' are two batches; queue one after the other"
            )
        }
        guard range != nil || isList else {
            throw ValidationError(
                "there is nothing to queue; give --range 0..1000, or a list, for example urls.txt or -"
            )
        }
        guard range != nil || step == nil else {
            throw ValidationError("--step goes with --range, and there is a list")
        }
        if let step, step < 1 {
            throw ValidationError("--step is \(step); give 1 or more")
        }
        guard range != nil || shard == nil else {
            throw ValidationError(
                "--shard cuts ranges, and there is a list; queue all of it, and cut the queue with: runner split"
            )
        }
        if range != nil, list.unique {
            throw ValidationError(
                "--unique goes with a list: a range has no duplicates; leave it out")
        }
        if range != nil, let option = (list.given + network.given).first {
            throw ValidationError("\(option) goes with a list, and there is a range")
        }
        guard !batch.continues || list.streaming && !list.again else {
            throw ValidationError(
                "--continue goes on with a list that was begun with --streaming; give that, too, and no --again"
            )
        }
    }

    func execute() async throws -> ExitStatus {
        if let source = fromBatch.batch {
            try checkFromBatch()
            return try await enqueueFromBatch(source)
        }
        try check()
        if let range { return try await enqueue(range) }
        if list.streaming { return try await enqueueStream() }
        return try await enqueueList()
    }

    // MARK: - Requests

    private func requestHeaders() throws -> [HeaderSource] {
        var headers = try headers.sources()
        for field in content.bodyHeaders where !headers.contains(field.name) {
            headers.append(.field(field))
        }
        return headers
    }

    private func template(for range: TypedRange) throws -> RequestTemplate {
        let headers = try requestHeaders()
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

    private func importOptions() throws -> ImportOptions {
        var options = ImportOptions()
        options.url = url
        options.urlColumn = list.urlColumn
        options.keyColumn = list.keyColumn
        options.kept = list.keep?.split(separator: ",").map(String.init) ?? []
        options.method = try content.requestMethod()
        options.headers = try requestHeaders()
        options.body = try content.body()
        options.isUnique = list.unique
        return options
    }

    // MARK: - Queueing

    private func enqueue(_ range: TypedRange) async throws -> ExitStatus {
        let request = try template(for: range)
        if let shard {
            return try await enqueue(try range.range(step: step ?? 1), request, shard)
        }
        let (added, addition) = try await onQueue { store -> (Batch, Addition) in
            if let known = try await batch.known(in: store) {
                return (known, try await Addition(of: known, in: store))
            }
            let source = BatchSource.range(try range.range(step: step ?? 1), request)
            let (added, isNew) = try await store.addBatch(source, as: batch.label())
            return (added, isNew ? .new : try await Addition(of: added, in: store))
        }
        return try report(added, addition)
    }

    private func enqueueList() async throws -> ExitStatus {
        let transport = try network.transport()
        let lists = list.sources(by: transport)
        try queue.spare(list.rejects, option: "--rejects", lists: lists.map(\.name))
        let adding = EnqueueList(
            lists: lists, transport: transport, flags: list, options: try importOptions(),
            batch: batch)
        try adding.check()
        let (result, addition) = try await onQueue { store -> (EnqueueList.Result, Addition) in
            let result = try await adding.add(to: store)
            guard case .known(let known) = result else { return (result, .new) }
            return (result, try await Addition(of: known, in: store))
        }
        switch result {
        case .known(let known): return try report(known, addition, from: adding.names)
        case .added(let added, let counts):
            return try report(added, .new, counts, from: adding.names)
        case .nothingNew(let counts): return try reportNothingNew(counts, from: adding.names)
        }
    }

    private func enqueueStream() async throws -> ExitStatus {
        let transport = try network.transport()
        let source = list.sources(by: transport)[0]
        try queue.spare(list.rejects, option: "--rejects", lists: [source.name])
        let adding = EnqueueStream(
            list: source, transport: transport, flags: list, options: try importOptions(),
            batch: batch)
        try adding.check()
        let (ending, addition) = try await onQueue { store -> (EnqueueStream.Ending, Addition) in
            let ending = try await adding.add(to: store)
            guard case .known(let known) = ending else { return (ending, .new) }
            return (ending, try await Addition(of: known, in: store))
        }
        switch ending {
        case .known(let known): return try report(known, addition, from: source.name)
        case .taken(let result, let isResumed):
            guard let added = result.batch else {
                guard result.isComplete else {
                    Terminal.complain("stopped before any line of \(source.name) could be queued")
                    return .stopped
                }
                throw EnqueueList.nothingToQueue(source.name, result.counts)
            }
            let status = try report(
                added, .new, result.counts, from: source.name,
                StreamReport(result, isResumed: isResumed, isPipe: result.counts.byteCount == nil))
            return result.isComplete ? status : .stopped
        }
    }

    func onQueue<Result>(
        makesMissing: Bool = true, _ body: (any JobQueue) async throws -> Result
    ) async throws -> Result {
        try await using(try openQueue(at: queue.location, makesMissing: makesMissing), body)
    }

    func using<Queue: JobQueue, Result>(
        _ store: Queue, _ body: (Queue) async throws -> Result
    ) async throws -> Result {
        do {
            let result = try await body(store)
            await store.close()
            return result
        } catch {
            await store.close()
            throw error
        }
    }

    func report(
        _ batch: Batch, _ addition: Addition, _ counts: ListImporter.Counts? = nil,
        from lists: String? = nil, _ stream: StreamReport? = nil, validators: Int? = nil
    ) throws -> ExitStatus {
        let request = batch.source.request
        let report = EnqueueReport(
            batch: batch.id, jobs: stream?.added.count ?? batch.count,
            firstID: stream?.added.lowerBound ?? batch.ids.first, step: batch.ids.step,
            method: request.method.rawValue, url: request.shownURL,
            queue: queue.path, isDefaultURL: lists == nil && url == nil,
            hasWholeURLs: request.isWholeURL, addition: addition,
            shard: shard, lists: lists, rejected: counts?.rejected, skipped: counts?.skipped,
            duplicates: list.unique ? counts?.duplicates : nil, stream: stream,
            validators: addition == .new ? validators : nil)
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

/// The relation of a batch to the `enqueue` that asked for it. As JSON it is whether the batch is
/// new.
enum Addition: Encodable {
    case new
    /// The batch was there before.
    case known
    /// The batch was there before, and was cancelled.
    case cancelled

    /// - Parameter known: A batch that was there before.
    init(of known: Batch, in store: any JobQueue) async throws {
        let summary = try await store.batches(from: known.id, limit: 1).summaries.first
        self = summary?.cancelledAtMicros == nil ? .known : .cancelled
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self == .new)
    }
}

extension Enqueue {
    /// Reports a list of which the queue has all requests already.
    private func reportNothingNew(
        _ counts: ListImporter.Counts, from lists: String
    ) throws -> ExitStatus {
        let report = NothingNewReport(
            lists: lists, queue: queue.path, rejected: counts.rejected, skipped: counts.skipped,
            duplicates: counts.duplicates)
        try Terminal.output(json ? try JSON.text(report) : report.text)
        return .done
    }
}

/// A range as it was typed.
struct TypedRange {
    private let text: String

    init(_ text: String) throws {
        _ = try JobRange.argument(text)
        self.text = text
    }

    /// - Parameter step: The distance from one ID to the next, 1 or more.
    func range(step: Int) throws -> JobRange { try JobRange.argument(text, step: step) }

    /// Whether a text can only be meant as a range.
    static func isLikeRange(_ text: String) -> Bool {
        text.contains("..") && text.allSatisfy { "0123456789_.<".contains($0) }
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
