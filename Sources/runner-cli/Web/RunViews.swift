import ArgumentParser
import JobStore
import Runner
import WebView

/// The web page and the file of metrics of a run, from before it touches the queue to its end.
struct RunViews: Sendable {
    let page: RunPage
    private let server: WebServer?
    private let tasks: [Task<Void, Never>]

    /// Serves and writes what the options ask for.
    ///
    /// - Returns: `nil` when they ask for nothing.
    /// - Throws: `WebError` when the port cannot be had, `ValidationError` when the file cannot be
    ///   written.
    static func start(
        _ flags: WebFlags, metricsFile: String?, of queue: QueueOptions, stop: StopSwitch
    ) async throws -> RunViews? {
        guard flags.http != nil || metricsFile != nil else { return nil }
        let page = RunPage(queue: queue, stop: stop)
        let file = metricsFile.map { MetricsFile(path: $0, queues: [page]) }
        do throws(MetricsFile.Failure) { try file?.write() } catch {
            throw ValidationError("\(error.sentence); name another file")
        }
        var server: WebServer?
        if let place = flags.http {
            server = try await WebServer(
                try flags.options(at: place, isOwnProcess: true), of: [page])
        }
        // Bare, since they outlast the run; `end` ends them.
        var tasks = [Task { await page.watch() }]
        if let file {
            tasks.append(
                Task {
                    await file.keep { failure in
                        page.monitor.note(failure.sentence, .warning)
                        Terminal.complain("\(failure.sentence); the run goes on")
                    }
                })
        }
        if let server { Terminal.say("runner: web page: \(server.link)") }
        return RunViews(page: page, server: server, tasks: tasks)
    }

    /// Shows how the run ended, and ends the views.
    func end(_ sentence: String) async {
        page.end(sentence)
        for task in tasks {
            task.cancel()
            await task.value
        }
        await server?.stop()
    }
}
