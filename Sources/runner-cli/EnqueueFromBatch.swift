import ArgumentParser
import JobStore
import Runner

/// The options of `enqueue` that make a batch of another one's jobs.
struct FromBatchFlags: ParsableArguments {
    @Option(
        name: .customLong("from-batch"),
        help: ArgumentHelp(
            "Queue the requests of this batch once more, by ID or name: all of them, or those with --outcome.",
            valueName: "batch"))
    var batch: BatchReference?

    @Option(
        help: ArgumentHelp(
            "Outcomes of the jobs: 200, 2xx, 404, timeout, ..., with commas between.",
            valueName: "outcomes"),
        transform: OutcomePattern.list)
    var outcome: [[OutcomePattern]] = []

    @Flag(
        help:
            "Fetch what has changed since then, by the validators that run --keep-validators kept."
    )
    var changed = false

    func validate() throws {
        guard batch != nil || outcome.isEmpty else {
            throw ValidationError("--outcome goes with --from-batch")
        }
        guard batch != nil || !changed else {
            throw ValidationError("--changed goes with --from-batch")
        }
        guard !changed || outcome.isEmpty else {
            throw ValidationError(
                "--changed asks for all jobs of the batch, whatever their outcome; leave out --outcome"
            )
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
        let (title, made, validators) = try await onQueue(makesMissing: false) {
            store -> (String, (Batch, Addition)?, Int?) in
            let summary = try await source.summary(in: store)
            if let known = try await batch.known(in: store) {
                return (summary.title, (known, try await Addition(of: known, in: store)), nil)
            }
            if fromBatch.outcome.isEmpty {
                let validators = try await validatorCount(of: summary, in: store)
                let (added, isNew) = try await enqueueAll(of: summary, in: store)
                return (
                    summary.title,
                    (added, isNew ? .new : try await Addition(of: added, in: store)), validators
                )
            }
            let copier = BatchCopier(
                of: summary.batch, fromBatch.outcome.flatMap { $0 }, in: store)
            let (added, isNew) = try await copier.add(as: batch.label())
            guard let added else { return (summary.title, nil, nil) }
            return (
                summary.title,
                (added, isNew ? .new : try await Addition(of: added, in: store)), nil
            )
        }
        guard let (added, addition) = made else {
            throw ValidationError(
                "\(title) has no completed or failed job with such an outcome; runner status --batch shows those there are"
            )
        }
        let status = try report(added, addition, from: title, validators: validators)
        if addition == .new, validators == 0 {
            // No error: after a night on which all failed, the next one is to fetch.
            Terminal.say(
                "note: no job of \(title) has validators, so that all are fetched whole: no run with --keep-validators has completed one whose server sent any, or the queue was split and merged since"
            )
        }
        return status
    }

    /// Returns the number of another batch's jobs with validators; `nil` where none are asked for by
    /// these.
    private func validatorCount(
        of source: BatchSummary, in store: any JobQueue
    ) async throws -> Int? {
        guard fromBatch.changed else { return nil }
        try await store.checkKeepsValidators()
        return try await store.validatorCount(of: source.batch.id)
    }

    /// Queues all requests of another batch once more.
    private func enqueueAll(
        of source: BatchSummary, in store: any JobQueue
    ) async throws -> (batch: Batch, isNew: Bool) {
        guard try await !store.unfinishedLists().contains(where: { $0.batch.id == source.batch.id })
        else {
            throw ValidationError(
                "the list of \(source.title) is not complete; go on with it by --streaming --continue first"
            )
        }
        return try await BatchCopier.copy(
            all: source.batch, in: store,
            as: batch.label(conditionalOn: fromBatch.changed ? source.batch.id : nil))
    }
}
