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

            EXAMPLES
              runner verify
              runner verify --queue pages.db --output /mnt/copy/responses
            """)

    @OptionGroup var queue: QueueOptions

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
        let store = try openLedger(at: queue.location)
        let audit: AuditReport
        do {
            audit = try await OutputAudit(ledger: store, folders: folders(of: store)).run()
        } catch {
            await store.close()
            throw error
        }
        await store.close()
        let report = VerifyReport(audit)
        try Terminal.output(json ? try JSON.text(report) : report.text(of: queue.path))
        return audit.isSound ? .done : .queue
    }
}

extension Verify {
    /// Returns where the output of each site is now.
    private func folders(of store: any JobLedger) async throws -> [Site: String] {
        var folders: [Site: String] = [:]
        for site in try await store.sites() {
            let recorded = try await store.output(of: site).settings
            folders[site] = output ?? recorded?.place(from: queue.realFolder)
        }
        return folders
    }
}

/// The result of `verify`; the JSON is a contract (docs/CLI.md).
struct VerifyReport: Encodable {
    private let audit: AuditReport

    init(_ audit: AuditReport) { self.audit = audit }

    private enum CodingKeys: CodingKey {
        case sound, faults, notes, files, records, superseded, bytes
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(audit.isSound, forKey: .sound)
        try container.encode(audit.faults.map(\.sentence), forKey: .faults)
        try container.encode(audit.notes, forKey: .notes)
        try container.encode(audit.files, forKey: .files)
        try container.encode(audit.records, forKey: .records)
        try container.encode(audit.superseded, forKey: .superseded)
        try container.encode(audit.bytes, forKey: .bytes)
    }

    /// Returns one line for each fault and each note, then the verdict.
    func text(of queue: String) -> String {
        let lines =
            audit.faults.map { "fault: \($0.sentence)" } + audit.notes.map { "note: \($0)" }
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
