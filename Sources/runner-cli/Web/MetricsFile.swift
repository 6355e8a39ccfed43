import ArgumentParser
import Glibc
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
        // Not `.prom`, of which the collector would read a half.
        let draft = "\(path).\(getpid()).tmp"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Failure(path: path, number: errno) }
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                let failure = Failure(path: path, number: errno)
                close(descriptor)
                unlink(draft)
                throw failure
            }
            rest = rest.dropFirst(count)
        }
        guard close(descriptor) == 0, rename(draft, path) == 0 else {
            let failure = Failure(path: path, number: errno)
            unlink(draft)
            throw failure
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
        let number: Int32

        var sentence: String {
            "--metrics-file \(Terminal.escaped(path)) cannot be written: \(String(cString: strerror(number)))"
        }
    }
}
