import ArgumentParser
import Glibc

/// Which queue a command works on.
struct QueueOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The queue's file (default: $RUNNER_QUEUE, else ./runner.db).", valueName: "file"))
    var queue: String?

    var path: String {
        queue ?? getenv("RUNNER_QUEUE").map { String(cString: $0) } ?? "runner.db"
    }

    func validate() throws {
        if path.isEmpty {
            throw ValidationError("the queue's name is empty; name a file with --queue")
        }
        if Terminal.escaped(path) != path {
            throw ValidationError(
                "the queue's name holds a control character; name another file with --queue")
        }
    }
}
