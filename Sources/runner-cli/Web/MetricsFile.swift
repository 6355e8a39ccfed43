import ArgumentParser
import WebView

/// A file of metrics for a collector that reads files, such as node_exporter's.
struct MetricsFile: Sendable {
    let path: String
    let queues: [any WatchedQueue]

    /// The time between two versions of the file.
    static let interval = Duration.seconds(10)

    /// Replaces the file. A reader sees the one before or the new one, whole.
    ///
    /// - Throws: `Failure` when it cannot be written.
    func write() throws(Failure) {
        let text = MetricsText.text(
            of: queues, version: RunnerCommand.version, isOwnProcess: true)
        do throws(ReplacedFile.Failure) { try ReplacedFile.write(Array(text.utf8), to: path) } catch
        {
            throw Failure(path: path, reason: error.reason)
        }
    }

    /// Writes the file again and again until the task is cancelled, and once more then.
    ///
    /// - Parameter failed: Told once that it cannot be written, and that the run goes on.
    func keep(failed: @Sendable (Failure) -> Void) async {
        var hasFailed = false
        repeat {
            try? await Task.sleep(for: Self.interval)
            do throws(Failure) {
                try write()
                hasFailed = false
            } catch {
                if !hasFailed { failed(error) }
                hasFailed = true
            }
        } while !Task.isCancelled
    }

    struct Failure: Error {
        let path: String
        let reason: String

        var sentence: String {
            "--metrics-file \(Terminal.escaped(path)) cannot be written: \(reason)"
        }
    }
}
