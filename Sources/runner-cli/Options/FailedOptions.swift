import ArgumentParser
import JobStore

/// The options that select failed jobs.
struct FailedOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Jobs that failed so: 404, 5xx, timeout, ..., with commas between or given several times.",
            valueName: "outcomes"),
        transform: OutcomePattern.list)
    var outcome: [[OutcomePattern]] = []

    @Option(
        help: ArgumentHelp(
            "Jobs whose URL names this host: example.com, example.com:8443 or https://example.com.",
            valueName: "host"),
        transform: HostPattern.argument)
    var host: HostPattern?

    @Option(help: ArgumentHelp("Jobs of this batch, by ID or name.", valueName: "batch"))
    var batch: BatchReference?

    @OptionGroup var range: IDRangeOption

    /// Whether any of the options is given.
    var areGiven: Bool { !outcome.isEmpty || host != nil || batch != nil || range.ids != nil }

    /// Returns the selection.
    ///
    /// - Throws: `ValidationError` when the batch is not there.
    func selection(in ledger: any JobLedger) async throws -> FailedJobs {
        var jobs = FailedJobs()
        if !outcome.isEmpty { jobs.outcomes = outcome.flatMap { $0 } }
        jobs.host = host
        jobs.batch = try await batch?.summary(in: ledger).batch.id
        jobs.ids = range.ids
        return jobs
    }
}

extension OutcomePattern {
    /// Reads outcomes with commas between.
    static func list(_ text: String) throws -> [OutcomePattern] {
        try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
            guard let pattern = OutcomePattern(String(part)) else {
                let reasons = Outcome.Reason.ofFailures.map(\.rawValue).joined(separator: ", ")
                throw ValidationError(
                    "'\(Terminal.escaped(String(part)))' is no outcome; give an HTTP status, for example 404, a class of them, for example 5xx, a handler's own reason, for example handler:sold_out, or one of: \(reasons)"
                )
            }
            return pattern
        }
    }
}

extension HostPattern {
    /// Reads an option's value.
    static func argument(_ text: String) throws -> HostPattern {
        guard let host = HostPattern(text) else {
            throw ValidationError(
                "'\(Terminal.escaped(text))' is no host; give one as example.com, example.com:8443 or https://example.com"
            )
        }
        return host
    }
}
