import ArgumentParser

/// The option that names the queue of a command for queues in files alone.
struct QueueFileOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The queue's file (default: $RUNNER_QUEUE, else ./\(QueueOptions.standardFile)).",
            valueName: "file"))
    var queue: String?

    /// The queue, which the environment may have named in PostgreSQL yet.
    var options: QueueOptions {
        var options = QueueOptions()
        options.queue = queue
        return options
    }

    func validate() throws { try options.validate() }
}
