import ArgumentParser
import JobStore
import Runner

/// The command `runner`, root of the other commands.
struct RunnerCommand: AsyncParsableCommand {
    static let version = "0.1.0"

    /// The text of `--version`: the program's version in the first line, then those of the
    /// libraries, what libcurl lacks, and known faults.
    private static var versionText: String {
        let (curl, store) = (CurlVersion.loaded, SQLiteVersion.loaded)
        let remarks =
            curl.lacks.map { "this libcurl lacks \($0)" }
            + curl.knownFaults.map { "known fault of this libcurl: \($0)" }
            + store.knownFaults.map { "known fault of this SQLite: \($0)" }
        return ([version, curl.description, store.description] + remarks).joined(separator: "\n")
    }

    static let configuration = CommandConfiguration(
        commandName: "runner",
        abstract: "Fetch a very large, known set of requests, and finish it, whatever happens.",
        discussion: """
            The queue is one file. Stop a run however you like, kill -9 included, and
            the next one resumes: nothing is lost.

            EXAMPLES
              runner enqueue --range 0..1000000 --url 'https://api.example.com/items/{id}'
              runner run --workers 1000
              runner status

            EXIT CODES
               0  all done
               1  done, some jobs failed
               2  wrong usage
               3  the queue or the output cannot be used
               4  the queue is in use
              11  stopped by a signal; run again to resume
              12  stopped by a limit; run again to resume
            """,
        version: versionText,
        subcommands: [
            Enqueue.self, Run.self, Status.self, Batches.self, Failures.self, Retry.self,
            Cancel.self, Pause.self, Resume.self, SetLimits.self, Export.self, Verify.self,
            Split.self, Merge.self, ForgetSite.self, Robots.self, Report.self, Serve.self,
        ])
}

@main
enum Main {
    // Not async: an async main leaves the main thread to libdispatch, which unblocks signals there.
    static func main() {
        Terminal.openMissingStreams()
        // Both before the first thread: heaps are made, and signal masks inherited, with threads.
        MachineLimits.prepareProcess()
        let signals = Signals.block()
        // Bare: it is the program, and there is no async context to be part of. Detached: the main
        // actor's thread is taken.
        Task.detached { ExitStatus.exit(with: await run(Array(CommandLine.arguments.dropFirst()))) }
        Signals.answer(signals)
    }

    /// Runs a command line. Each way a command can end becomes an exit status here and nowhere
    /// else.
    private static func run(_ arguments: [String]) async -> ExitStatus {
        do {
            // The parser would name the first option of a mistyped command instead.
            let commands = RunnerCommand.configuration.subcommands.map {
                $0.configuration.commandName ?? "\($0)".lowercased()
            }
            if let name = arguments.first, !name.hasPrefix("-"), name != "help",
                !commands.contains(name)
            {
                throw ValidationError(
                    "there is no command '\(name)'; give one of: \(commands.joined(separator: ", "))"
                )
            }
            var command = try RunnerCommand.parseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            return .done
        } catch {
            return ExitStatus.of(error)
        }
    }
}

/// A command that ends with an exit status, which its `run` throws: the parser knows commands as
/// what returns nothing.
protocol StatusCommand: AsyncParsableCommand {
    mutating func execute() async throws -> ExitStatus
}

extension StatusCommand {
    mutating func run() async throws { throw try await execute() }
}
