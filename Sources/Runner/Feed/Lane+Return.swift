internal import JobStore

/// Jobs that come back without a result.
extension Lane {
    /// Queues a job again that has waited for its robots.txt, behind the others.
    func putBack(_ job: Job) {
        add(
            fresh: JobSpan(
                chunk: job.chunk, first: job.position, count: 1, attempt: job.attempt,
                returns: job.returns, past: job.past))
    }

    /// Queues a job again that was given back: behind the others, even if it is a retry, so that
    /// jobs for which nothing can be done hold up no others.
    ///
    /// - Parameter answersOfAll: The number of attempts in which any host had a part, where these
    ///   tell of the job's trouble; `nil` where only attempts at the job's own host do.
    func giveBack(_ job: Job, answersOfAll: UInt32? = nil) {
        let answers = answersOfAll ?? answers
        var returns = job.returns
        // Its own trouble, perhaps: other jobs were answered since it came back before.
        if returns.count == 0 || answers != returns.answersBefore { returns.count += 1 }
        returns.answersBefore = answers
        add(
            fresh: JobSpan(
                chunk: job.chunk, first: job.position, count: 1, attempt: job.attempt,
                returns: returns, past: job.past))
    }
}
