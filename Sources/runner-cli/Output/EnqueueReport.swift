import JobStore

/// The result of `enqueue`.
struct EnqueueReport: Encodable {
    let batch: Int
    let jobs: Int
    let ids: JobRange
    let method: String
    /// The URL without credentials, since logs keep it.
    let url: String
    let queue: String
    let isDefaultURL: Bool
    /// Whether the lines of a list are the URLs.
    let hasWholeURLs: Bool
    /// Whether the batch was added now.
    let isNew: Bool
    /// The names of the lists; `nil` for a range.
    let lists: String?
    /// The lines of lists that cannot be queued; `nil` for a range.
    let rejected: Int?
    /// Blank lines and comments; `nil` for a range.
    let skipped: Int?

    enum CodingKeys: String, CodingKey {
        case batch, jobs, step, method, url, queue, rejected, skipped
        case firstID = "first_id"
        case isNew = "new"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(batch, forKey: .batch)
        try container.encode(jobs, forKey: .jobs)
        try container.encode(ids.first, forKey: .firstID)
        if ids.step != 1 { try container.encode(ids.step, forKey: .step) }
        try container.encode(method, forKey: .method)
        try container.encode(url, forKey: .url)
        try container.encode(queue, forKey: .queue)
        try container.encode(isNew, forKey: .isNew)
        try container.encodeIfPresent(rejected, forKey: .rejected)
        try container.encodeIfPresent(skipped, forKey: .skipped)
    }

    var text: String {
        let left = [(rejected, "rejected"), (skipped, "blank lines and comments")].compactMap {
            count, what in count.flatMap { $0 > 0 ? "\(Format.count($0)) \(what)" : nil }
        }.joined(separator: ", ")
        return summary + (left.isEmpty ? "" : " (\(left))")
            + (hasWholeURLs
                ? "" : ": \(method == "GET" ? "" : method + " ")\(Terminal.escaped(url))")
            + (isDefaultURL ? " (the default; name another with --url)" : "")
    }

    var summary: String {
        let from = lists.map { " of \(Terminal.escaped($0))" } ?? ""
        guard isNew else {
            return
                "queued nothing: batch \(batch) in \(queue), of \(Format.count(jobs)) jobs, has the name"
        }
        return
            "queued \(Format.count(jobs)) jobs\(from), IDs \(ids.shown), as batch \(batch) in \(queue)"
    }
}
