import ArgumentParser
import JobStore
import Runner

/// The options of `enqueue` that make a batch of another one's jobs.
struct FromBatchFlags: ParsableArguments {
    @Option(
        name: .customLong("from-batch"),
        help: ArgumentHelp(
            "Queue requests of this batch once more, by ID or name: those with --outcome.",
            valueName: "batch"))
    var batch: BatchReference?

    @Option(
        help: ArgumentHelp(
            "Outcomes of the jobs: 200, 2xx, 404, timeout, ..., with commas between.",
            valueName: "outcomes"),
        transform: OutcomePattern.list)
    var outcome: [[OutcomePattern]] = []

    func validate() throws {
        guard batch == nil || !outcome.isEmpty else {
            throw ValidationError(
                "--from-batch takes jobs by their outcomes; give these, for example --outcome 200")
        }
        guard batch != nil || outcome.isEmpty else {
            throw ValidationError("--outcome goes with --from-batch")
        }
    }
}

extension Enqueue {
    /// Refuses options that say what the batch says.
    func checkFromBatch() throws {
        let others: [String?] = [
            range.map { _ in "--range" }, list.names.first, step.map { _ in "--step" },
            url.map { _ in "--url" }, batch.continues ? "--continue" : nil,
            content.isGiven ? "a method or body" : nil,
            try headers.sources().isEmpty ? nil : "a header",
            headers.expandsEnvironment ? "--expand-env" : nil,
        ]
        if let other = (others.compactMap(\.self) + list.given + network.given).first {
            throw ValidationError(
                "--from-batch takes the requests of a batch as they are; leave out \(other), or queue them apart"
            )
        }
    }

    /// Queues requests of another batch once more.
    func enqueueFromBatch(_ source: BatchReference) async throws -> ExitStatus {
        let (title, made) = try await onQueue(makesMissing: false) {
            store -> (String, (Batch, Addition)?) in
            let summary = try await source.summary(in: store)
            if let known = try await batch.known(in: store) {
                return (summary.title, (known, try await Addition(of: known, in: store)))
            }
            let copier = BatchCopier(
                of: summary.batch, fromBatch.outcome.flatMap { $0 }, in: store)
            let (added, isNew) = try await copier.add(as: batch.label())
            guard let added else { return (summary.title, nil) }
            return (
                summary.title,
                (added, isNew ? .new : try await Addition(of: added, in: store))
            )
        }
        guard let (added, addition) = made else {
            throw ValidationError(
                "\(title) has no completed or failed job with such an outcome; runner status --batch shows those there are"
            )
        }
        return try report(added, addition, from: title)
    }
}
