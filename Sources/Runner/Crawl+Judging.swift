internal import Glibc
internal import JobStore

/// The judging of a run's answers.
extension Crawl {
    /// The judge of a run.
    var judge: Judge {
        Judge(
            rules: options.rules, retries: options.retries, backoff: options.backoff,
            retryTimeMicrosMax: options.retryTimeMax.microseconds,
            retryAfterMicrosMax: min(options.retryAfterMax, Retry.waitMax).microseconds,
            holdsDenials: options.politeness.stopsOnDenials)
    }

    /// The settings by which transfers keep responses: as the sink needs them, and as the conditions
    /// on answers do.
    ///
    /// - Parameters:
    ///   - sinks: The settings of the sink; `nil` when nothing is kept.
    ///   - failed: Called when a head or body could not be kept.
    func keeping(
        _ sinks: TransferSettings.Keeping?, _ budget: MemoryBudget,
        failed: @escaping @Sendable (SinkError) -> Void
    ) -> TransferSettings.Keeping? {
        guard options.rules.hasConditions || handler != nil else { return sinks }
        var keeping =
            sinks
            ?? TransferSettings.Keeping(
                storage: .temporary(budget), needs: [],
                failed: { error in
                    failed(SinkError(folder: temporaryFolder, "a body cannot be kept there", error))
                })
        if handler != nil {
            keeping.needs.insert(.bodies)
        } else if options.rules.needsBodies, !keeping.keepsBodies {
            keeping.needs.insert(.bodies)
            // As they come, bytes say less than decoded; but so much may always be in memory.
            keeping.bodyBytesMax = AnswerConditions.bodyBytesMax
        }
        return keeping
    }

    /// Makes the conditions on answers for an event loop; `nil` when there are none.
    func makeConditions(_ keeping: TransferSettings.Keeping?) -> AnswerConditions? {
        AnswerConditions(
            options.rules,
            isEncodingKept: options.fetch.isRaw || keeping?.isEncodingKept == true)
    }
}
