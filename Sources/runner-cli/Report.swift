import ArgumentParser
import JobStore
import Stores

struct Report: StatusCommand {
    static let configuration = CommandConfiguration(
        abstract: "Report on a queue's runs: as text, JSON, or a page in one file.",
        discussion: """
            Shows how far the queue is, its latest runs with how each ended, and the
            requests, times and output. --html writes a page with charts of the whole
            course, outcomes, failures, hosts and settings; it is one file that needs no
            network and no scripts. During a run, too.

            EXAMPLES
              runner report
              runner report --html report.html
              runner report --html - --queue pages.db > report.html
            """)

    @OptionGroup var queue: QueueOptions

    @Option(
        help: ArgumentHelp(
            "Write a page to this file, or with - to standard output.", valueName: "file"))
    var html: String?

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        guard let html else { return }
        if json { throw ValidationError("--html and --json are two forms of a report; give one") }
        if html.isEmpty { throw ValidationError("--html is empty; name a file, or -") }
        try queue.spare(html, option: "--html")
    }

    func execute() async throws -> ExitStatus {
        let ledger = try openLedger(at: queue.location)
        let content: ReportContent
        do {
            content = try await ReportContent(of: queue, ledger)
        } catch {
            await ledger.close()
            throw error
        }
        await ledger.close()
        try show(content)
        return .done
    }

    private func show(_ content: ReportContent) throws {
        guard let html else {
            let document = ReportDocument(content: content)
            return try Terminal.output(
                json ? try JSON.text(document) : document.lines.joined(separator: "\n"))
        }
        let page = Array(ReportPage(content: content).text.utf8)
        guard html != "-" else { return try Terminal.output(page) }
        do throws(ReplacedFile.Failure) {
            try ReplacedFile.write(page, to: html)
        } catch {
            throw ReportError(path: html, reason: error.reason)
        }
        let runs = content.runs.count
        try Terminal.output(
            "\(Terminal.escaped(html)): \(Format.count(runs)) \(runs == 1 ? "run" : "runs"), \(Format.bytes(page.count))"
        )
    }
}

/// The error when the page of a report cannot be written.
struct ReportError: Error, CustomStringConvertible {
    let path: String
    let reason: String

    var description: String {
        "--html \(Terminal.escaped(path)) cannot be written: \(reason); name another file, or - for standard output"
    }
}
