import JobStore
import Runner

/// The result of `enqueue`.
struct EnqueueReport: Encodable {
    let batch: Int
    let jobs: Int
    let firstID: Int
    /// The distance from one ID to the next.
    let step: Int
    let method: String
    /// The URL without credentials, since logs keep it.
    let url: String
    let queue: String
    let isDefaultURL: Bool
    /// Whether the lines of a list are the URLs.
    let hasWholeURLs: Bool
    /// Whether the batch was added now.
    let addition: Addition
    /// The shard of the range that the jobs are; `nil` where they are all of it.
    let shard: Shard?
    /// The names of the lists; `nil` for a range.
    let lists: String?
    /// The lines of lists that cannot be queued; `nil` for a range.
    let rejected: Int?
    /// Blank lines and comments; `nil` for a range.
    let skipped: Int?
    /// The lines left out since their requests are not new; `nil` where they are queued.
    let duplicates: Int?
    /// The import of a list that was taken as it came; `nil` for another.
    let stream: StreamReport?
    /// The number of jobs that are asked for by validators; `nil` where none are to be.
    let validators: Int?

    private enum CodingKeys: String, CodingKey {
        case batch, jobs, step, method, url, queue, rejected, skipped, duplicates, complete, lines
        case shard, validators
        case firstID = "first_id"
        case addition = "new"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(batch, forKey: .batch)
        try container.encode(jobs, forKey: .jobs)
        try container.encode(firstID, forKey: .firstID)
        if step != 1 { try container.encode(step, forKey: .step) }
        try container.encode(method, forKey: .method)
        try container.encode(url, forKey: .url)
        try container.encode(queue, forKey: .queue)
        try container.encode(addition, forKey: .addition)
        try container.encodeIfPresent(shard?.text, forKey: .shard)
        try container.encodeIfPresent(rejected, forKey: .rejected)
        try container.encodeIfPresent(skipped, forKey: .skipped)
        try container.encodeIfPresent(duplicates, forKey: .duplicates)
        try container.encodeIfPresent(stream?.isComplete, forKey: .complete)
        try container.encodeIfPresent(stream?.lines, forKey: .lines)
        try container.encodeIfPresent(validators, forKey: .validators)
    }

    var text: String {
        return (stream?.stop.map { $0 + ", " } ?? "") + summary
            + Self.left(rejected, skipped, duplicates)
            + (hasWholeURLs
                ? "" : ": \(method == "GET" ? "" : method + " ")\(Terminal.escaped(url))")
            + (isDefaultURL ? " (the default; name another with --url)" : "")
            + (stream?.cure.map { "; \($0)" } ?? "")
    }

    /// The lines that are no jobs, in parentheses; empty when there are none.
    fileprivate static func left(_ rejected: Int?, _ skipped: Int?, _ duplicates: Int?) -> String {
        let left = [
            (duplicates, "duplicates left out"), (rejected, "rejected"),
            (skipped, "blank lines and comments"),
        ].compactMap { count, what in
            count.flatMap { $0 > 0 ? "\(Format.count($0)) \(what)" : nil }
        }
        return left.isEmpty ? "" : " (\(left.joined(separator: ", ")))"
    }

    var summary: String {
        let from =
            lists.map { " of \(Terminal.escaped($0))" } ?? shard.map { " of shard \($0.text)" }
            ?? ""
        guard addition == .new else {
            let end = addition == .cancelled ? ", and was cancelled" : ""
            return
                "queued nothing: batch \(batch) in \(queue), of \(Format.count(jobs)) jobs, has the name\(end)"
        }
        let more = stream?.isResumed == true ? " more" : ""
        let ids =
            jobs > 0 ? " IDs \(JobRange(first: firstID, count: jobs, step: step).shown)," : ""
        return
            "queued \(Format.count(jobs))\(more) jobs\(from),\(ids) as batch \(batch) in \(queue)"
            + (validators.map { ", \(Format.count($0)) of them with validators" } ?? "")
    }
}

/// The import of a list that was taken as it came.
struct StreamReport {
    /// The IDs of the jobs that were added.
    let added: Range<Int>
    /// The lines that were taken of the list, by this import and those before.
    let lines: Int
    let isComplete: Bool
    /// Whether the import went on with another one.
    let isResumed: Bool
    private let isPipe: Bool

    init(_ result: ListStreamer.Result, isResumed: Bool, isPipe: Bool) {
        added = result.added
        lines = result.taken.lines
        isComplete = result.isComplete
        self.isResumed = isResumed
        self.isPipe = isPipe
    }

    /// The beginning of the report of an import that was stopped.
    var stop: String? { isComplete ? nil : "stopped after line \(Format.count(lines))" }
    /// The way to go on.
    var cure: String? {
        if isComplete { return nil }
        return isPipe
            ? "pipe the same list again with --continue to go on"
            : "give the same command to go on"
    }
}

/// The result of `enqueue` where no request of a list is new.
struct NothingNewReport: Encodable {
    let jobs = 0
    /// The names of the lists.
    let lists: String
    let queue: String
    /// Whether a batch was added now.
    let isNew = false
    let rejected: Int
    let skipped: Int
    let duplicates: Int

    enum CodingKeys: String, CodingKey {
        case jobs, queue, rejected, skipped, duplicates
        case isNew = "new"
    }

    var text: String {
        "queued nothing: \(queue) has all requests of \(Terminal.escaped(lists)) already"
            + EnqueueReport.left(rejected, skipped, duplicates)
    }
}
