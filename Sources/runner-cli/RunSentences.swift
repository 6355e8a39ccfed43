import JobStore
import Runner

/// Sentences on what a run does otherwise than its user may think.
extension Run {
    /// Returns a sentence on the rate that all runs of the queue keep to together; `nil` where there is
    /// none.
    func rateSentence(
        _ options: CrawlOptions, in store: any JobQueue, runs: Int
    ) async throws -> String? {
        guard store.sharesRate else { return nil }
        if let rate = options.politeness.rate {
            return "--rate \(LimitsDocument.text(rate)) is that of all runs of this queue together"
        }
        guard runs > 0, let rate = try await store.ratePerSecond() else { return nil }
        return
            "the runs of this queue keep to \(Format.rate(rate))/s together, and so does this one; runner set --rate none lifts that"
    }

    /// Returns a sentence on responses that are dropped though others were kept before the queue was
    /// split or merged, or forgot its folder; `nil` where that is not so.
    func droppedResponses(in store: any JobQueue) async throws -> String? {
        guard outputFlags.output == nil,
            let format = try await store.setting(Shard.formatBeforeName),
            try await store.output(of: .only).settings == nil
        else { return nil }
        return
            "responses are dropped, though they were kept (\(format)) before the queue was split or merged or its folder forgotten; --output keeps them"
    }

    /// Returns a sentence on validators that are kept without the bodies that they are of; `nil` where
    /// that is not so.
    ///
    /// - Parameter attached: The output of the queue so far.
    func keptWithoutBodies(_ attached: QueueOutput, hasHandler: Bool) -> String? {
        let hasOutput = outputFlags.output != nil || attached.settings != nil
        let keepsBodies = outputFlags.body ?? attached.settings?.keepsBodies ?? true
        // A handler may keep them by itself.
        guard keepValidators, !hasHandler, !hasOutput || !keepsBodies else { return nil }
        return
            "validators are kept, and bodies are not: a crawl by --changed does not fetch what is unchanged, and no record has its body; --output\(hasOutput ? " with --body" : "") keeps them"
    }
}
