import ArgumentParser
import JobStore

struct Pause: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Hold the run back, and any later one; nothing is sent until resume.",
        discussion: """
            A run that is going on sees it within a second: the requests in flight end
            and count, and no more are sent. A run that is started waits. It is kept in
            the queue until: runner resume

            EXAMPLES
              runner pause
              runner pause --queue pages.db
            """)

    @OptionGroup var queue: QueueOptions

    @Flag(help: "Print the result as JSON.")
    var json = false

    func run() async throws {
        let report = try await PauseReport.pausing(true, at: queue.location)
        try Terminal.output(json ? try JSON.text(report) : report.text(of: queue.path))
    }
}
