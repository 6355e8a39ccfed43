import ArgumentParser
import JobStore
import Runner
import Stores

struct Verify: StatusCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check the queue and its output, each byte; during a run too.",
        discussion: """
            Checks that the queue is whole, that each output file is what was written, and
            that each completed job is in the output exactly once. Nothing is changed.
            Shards of a queue are checked as that queue, over the folders of all.

            EXAMPLES
              runner verify
              runner verify --queue pages.db --output /mnt/copy/responses
              runner verify --queue 'shards/*/runner.db'
            """)

    @OptionGroup var queues: QueuesOptions

    @Option(
        help: ArgumentHelp(
            "The output's folder, if it is not where it was written.", valueName: "folder"))
    var output: String?

    @Flag(help: "Print the result as JSON.")
    var json = false

    func validate() throws {
        if output?.isEmpty == true {
            throw ValidationError("the output's name is empty; name a folder with --output")
        }
    }

    func execute() async throws -> ExitStatus {
        let looked = try await LookedAtQueues(queues)
        guard output == nil || looked.count == 1 else {
            throw ValidationError(
                "--output names one folder, and there are \(looked.count) queues; leave it out, or name one queue"
            )
        }
        var reports: [VerifyReport] = []
        try await looked.withEach { look in
            let audit = try await OutputAudit(
                ledger: look.ledger, folders: try await folders(of: look)
            ).run()
            let report = VerifyReport(
                audit, missing: look.shards?.missing,
                of: looked.areUnrelated ? look.name : nil)
            reports.append(report)
            if !json { try Terminal.output(report.text(of: look.name)) }
        }
        if json {
            try Terminal.output(
                looked.areUnrelated
                    ? try JSON.text(VerifyReports(queues: reports)) : try JSON.text(reports[0]))
        }
        return reports.allSatisfy(\.isSound) ? .done : .queue
    }
}

extension Verify {
    /// Returns where the output of each site is now.
    private func folders(of look: LookedAtQueues.Look) async throws -> [Site: String] {
        var folders: [Site: String] = [:]
        for site in try await look.ledger.sites() {
            guard let recorded = try await look.ledger.output(of: site).settings else {
                if let output { folders[site] = output }
                continue
            }
            let folder = await look.shards?.folder(ofShardWith: site) ?? look.queue?.realFolder
            folders[site] = output ?? recorded.place(from: folder)
        }
        guard output == nil || folders.count <= 1 else {
            throw ValidationError(
                "--output names one folder, and the queue's responses are in \(folders.count); leave it out"
            )
        }
        return folders
    }
}

/// The result of `verify` of several queues that have nothing to do with each other.
struct VerifyReports: Encodable {
    let queues: [VerifyReport]

    private enum CodingKeys: CodingKey { case sound, queues }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(queues.allSatisfy(\.isSound), forKey: .sound)
        try container.encode(queues, forKey: .queues)
    }
}

/// The result of `verify`; the JSON is a contract (docs/CLI.md).
struct VerifyReport: Encodable {
    private let audit: AuditReport
    /// The name of the queue, where there are several.
    private let queue: String?
    private let notes: [String]

    /// - Parameters:
    ///   - missing: The shards that were not named.
    ///   - queue: The name of the queue, where there are several.
    init(_ audit: AuditReport, missing: String? = nil, of queue: String? = nil) {
        self.audit = audit
        self.queue = queue
        notes =
            audit.notes
            + (missing.map { ["shards \($0) were not named: the others were checked alone"] } ?? [])
    }

    var isSound: Bool { audit.isSound }

    private enum CodingKeys: CodingKey {
        case sound, faults, notes, files, records, superseded, bytes, queue
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(audit.isSound, forKey: .sound)
        try container.encode(audit.faults.map(\.sentence), forKey: .faults)
        try container.encode(notes, forKey: .notes)
        try container.encodeIfPresent(queue, forKey: .queue)
        try container.encode(audit.files, forKey: .files)
        try container.encode(audit.records, forKey: .records)
        try container.encode(audit.superseded, forKey: .superseded)
        try container.encode(audit.bytes, forKey: .bytes)
    }

    /// Returns one line for each fault and each note, then the verdict.
    func text(of queue: String) -> String {
        let lines =
            audit.faults.map { "fault: \($0.sentence)" } + notes.map { "note: \($0)" }
        return (lines.map(Terminal.escaped) + [verdict(of: queue)]).joined(separator: "\n")
    }

    private func verdict(of queue: String) -> String {
        guard !audit.isSound else {
            guard audit.hasOutput else { return "sound: \(queue)" }
            let (records, bytes) = (Format.count(audit.records), Format.count(audit.bytes))
            let files = audit.files == 1 ? "1 file" : "\(Format.count(audit.files)) files"
            let superseded =
                audit.superseded == 0
                ? "" : ", \(Format.count(audit.superseded)) of them superseded by later ones"
            return
                "sound: \(queue), and \(records) records in \(files) (\(bytes) bytes)\(superseded)"
        }
        let subjects = Set(audit.faults.map(\.subject))
        let cures = Self.cures.filter { cure in
            // Jobs that are missing follow from a file that is damaged, or was not read.
            subjects.contains(cure.subject)
                && !(cure.subject == .jobs && !subjects.isDisjoint(with: [.file, .format]))
        }
        return "not sound: \(queue); \(cures.map(\.what).joined(separator: "; "))"
    }

    private static let cures: [(subject: AuditReport.Fault.Subject, what: String)] = [
        (.queue, "restore a copy of the queue and of the output made with it"),
        (
            .file,
            "put back the files named, or name the folder they are in with --output; what is lost can be fetched again with a new queue"
        ),
        (.format, "upgrade runner to one that knows the formats named"),
        (.stranger, "move files the queue does not know out of the folder"),
        (
            .jobs,
            "restore a copy of queue and output made together, or fetch the jobs again with a new queue"
        ),
    ]
}
