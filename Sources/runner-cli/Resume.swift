import ArgumentParser
import JobStore

struct Resume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Let a run that was paused go on.",
        discussion: """
            A run that is going on sends requests again within a second. To start one
            that was stopped, give: runner run

            EXAMPLES
              runner resume
              runner resume --queue pages.db
            """)

    @OptionGroup var queue: QueueOptions

    @Flag(help: "Print the result as JSON.")
    var json = false

    func run() async throws {
        let report = try await PauseReport.pausing(false, at: queue.location)
        try Terminal.output(json ? try JSON.text(report) : report.text(of: queue.path))
    }
}
