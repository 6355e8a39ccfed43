import JobStore
import Runner

/// The report of a queue's runs as text and as JSON, which is a contract (docs/CLI.md).
struct ReportDocument: Encodable {
    let content: ReportContent

    private enum CodingKeys: CodingKey { case at, jobs, outcomes, runs, output }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(Timestamp.text(content.takenAtMicros), forKey: .at)
        try container.encode(JobsDocument(content.counts), forKey: .jobs)
        try container.encode(OutcomeDocument.all(in: content.counts), forKey: .outcomes)
        let runs = content.runs.indices.map {
            ReportedRun(run: content.runs[$0], ending: content.ending(of: $0))
        }
        try container.encode(runs, forKey: .runs)
        try container.encode(content.output, forKey: .output)  // null, not absent
    }

    /// The report as lines of text: the queue, its runs, and the requests of the last one.
    var lines: [String] {
        let status = StatusDocument(content.counts, isPaused: content.isPaused)
            .lines(of: content.queue)
        let figures = content.isLastLive ? nil : content.runs.last?.figures
        let last = (figures?.measures.lines ?? []) + (figures?.followed.map { [$0.line] } ?? [])
        return status + runLines + last + (content.output.map { [$0.line] } ?? [])
    }

    private var runLines: [String] {
        guard !content.runs.isEmpty else {
            return [content.counts.done == 0 ? "no run yet" : "no run has left a course"]
        }
        let rows = content.runs.indices.map { index in
            let run = content.runs[index]
            return [
                Timestamp.text(run.startedAtMicros), content.ending(of: index),
                Format.duration(run.length), "\(Format.count(run.finished)) jobs",
                "\(Format.rate(run.rate))/s", "\(Format.count(run.figures.workers)) workers",
            ]
        }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        let lines = rows.map { row in
            let cells = row.indices.map { column in
                let blanks = String(repeating: " ", count: widths[column] - row[column].count)
                return column < 2 ? row[column] + blanks : blanks + row[column]
            }
            return "  " + cells.joined(separator: "  ")
        }
        return ["runs"] + lines
    }
}

/// A run in JSON.
private struct ReportedRun: Encodable {
    let run: KeptCourse
    let ending: String

    private enum CodingKeys: String, CodingKey {
        case pid, host, version, batch, ending, finished, workers, requests, timings, settings
        case followed
        case startedAt = "started_at"
        case seenAt = "seen_at"
        case elapsedSeconds = "elapsed_s"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(run.pid, forKey: .pid)
        try container.encode(run.host, forKey: .host)
        try container.encode(run.version, forKey: .version)
        try container.encode(run.batch, forKey: .batch)
        try container.encode(ending, forKey: .ending)
        try container.encode(run.finished, forKey: .finished)
        try container.encode(run.figures.workers, forKey: .workers)
        try container.encode(
            RequestsDocument(run.figures.measures.requests), forKey: .requests)
        try container.encode(
            TimingsDocument(run.figures.measures, hasHosts: false), forKey: .timings)
        try container.encodeIfPresent(
            run.figures.followed.map(FollowedDocument.init), forKey: .followed)
        try container.encode(
            Dictionary(run.settings.map { ($0.name, $0.value) }) { $1 }, forKey: .settings)
        try container.encode(Timestamp.text(run.startedAtMicros), forKey: .startedAt)
        try container.encode(Timestamp.text(run.takenAtMicros), forKey: .seenAt)
        try container.encode(run.length.seconds, forKey: .elapsedSeconds)
    }
}
