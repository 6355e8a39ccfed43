import ArgumentParser
import Runner

/// The options of judging: which answers complete a job, which are tried again, and which fail it.
/// The queue keeps those that are given.
struct JudgingFlags: ParsableArguments {
    private static let standard = CrawlOptions()

    @Option(
        name: .customLong("complete-on"), parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "Answers that complete a job besides 2xx: 404, 4xx, 500-504, with commas between; '' for none. Kept for later runs, as all of these.",
            valueName: "list"))
    var completeOn: [String] = []

    @Option(
        name: .customLong("retry-on"), parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "What is tried again: statuses as above, reasons (timeout, network), type!=application/json, body~REGEX.",
            valueName: "list"))
    var retryOn: [String] = []

    @Option(
        name: .customLong("fail-on"), parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "What fails a job at once; as with --retry-on.",
            valueName: "list"))
    var failOn: [String] = []

    @Option(
        parsing: .unconditional,
        help: "Attempts after a job's first (default: \(Self.standard.retries)).")
    var retries: Int?

    @Option(
        name: .customLong("retry-delay"),
        help: ArgumentHelp(
            "The most that a job waits before its first retry, doubled each time up to 60 s (default: \(Seconds(Self.standard.retryDelay).defaultValueDescription)).",
            valueName: "seconds"))
    var retryDelay: Seconds?

    @Option(
        name: .customLong("retry-max-time"),
        help: ArgumentHelp(
            "Try no job again so long after its first attempt; m, h or d may follow (default: 24h).",
            valueName: "seconds"))
    var retryMaxTime: Seconds?

    @Option(
        name: .customLong("max-retry-after"),
        help: ArgumentHelp(
            "The longest Retry-After that is honoured, 1h at most (default: 1h).",
            valueName: "seconds"))
    var maxRetryAfter: Seconds?

    func validate() throws {
        if let retries, !(0...254).contains(retries) {
            throw ValidationError("--retries is \(retries); give a number from 0 to 254")
        }
        if let maxRetryAfter, maxRetryAfter.duration > Self.standard.retryAfterMax {
            throw ValidationError(
                "--max-retry-after is \(maxRetryAfter); give 1h at most, the longest that a job may wait"
            )
        }
        if let retryDelay, retryDelay.duration > Self.standard.retryAfterMax {
            throw ValidationError(
                "--retry-delay is \(retryDelay); give 1h at most, the longest that a job may wait")
        }
        _ = try choice.rules()
    }

    /// The options that were given.
    var choice: JudgingChoice {
        var choice = JudgingChoice()
        choice.completeOn = completeOn.isEmpty ? nil : completeOn
        choice.retryOn = retryOn.isEmpty ? nil : retryOn
        choice.failOn = failOn.isEmpty ? nil : failOn
        choice.retries = retries
        choice.retryDelaySeconds = retryDelay?.duration.seconds
        choice.retryMaxTimeSeconds = retryMaxTime?.duration.seconds
        choice.maxRetryAfterSeconds = maxRetryAfter?.duration.seconds
        return choice
    }
}
