internal import JobStore
internal import Synchronization

/// The requests of claimed jobs.
extension Feed {
    func spans(of segment: Segment) throws -> [JobSpan] {
        switch segment.batch.source {
        case .range(let range, let template):
            let chunk = try chunk(of: segment.batch, range, template)
                .asking(by: segment.validators)
            return segment.todo.map { positions in
                JobSpan(
                    chunk: chunk, first: positions.lowerBound, count: positions.count, attempt: 1)
            }
        case .list(let list):
            return try spans(
                of: segment.block, list, segment.todo, of: segment.batch, attempt: 1,
                validators: segment.validators)
        }
    }

    func spans(of retry: DueRetry, at now: Now) throws -> [JobSpan] {
        let past = Job.Past(
            excused: UInt32(clamping: retry.excused),
            sinceMicros: now.monotonicMicros - retry.age.microseconds)
        switch retry.batch.source {
        case .range(let range, let template):
            let chunk = try chunk(of: retry.batch, range, template)
                .asking(by: retry.validators)
            return [
                JobSpan(
                    chunk: chunk, first: retry.position, count: 1, attempt: retry.attempts + 1,
                    past: past)
            ]
        case .list(let list):
            return try spans(
                of: retry.block, list, [retry.position..<retry.position + 1], of: retry.batch,
                attempt: retry.attempts + 1, past: past, validators: retry.validators)
        }
    }

    private func spans(
        of block: ListBlock?, _ list: JobList, _ positions: [Range<Int>], of batch: Batch,
        attempt: Int, past: Job.Past = Job.Past(), validators: JobValidators?
    ) throws -> [JobSpan] {
        guard let block, let requests = try ListRequests(block, of: list, defaults) else {
            throw QueueError(
                .damaged,
                "the lines of jobs \(positions.first ?? 0..<0) of batch \(batch.id) cannot be read; restore a copy of the queue"
            )
        }
        return RequestChunk.spans(
            of: requests, positions, of: batch, hosts, attempt: attempt, past: past,
            inFlightMax: perHost.bound(hasOneHost: list.hasOneHost), validators: validators)
    }

    private func chunk(
        of batch: Batch, _ range: JobRange, _ template: RequestTemplate
    ) throws(RequestError) -> RequestChunk {
        try chunks.withLock { chunks throws(RequestError) in
            if let known = chunks[batch.id] { return known }
            // Many batches, one at a time: those long done are not kept.
            if chunks.count >= 256 { chunks.removeAll() }
            let chunk = try RequestChunk(
                batch, range, template, hosts, defaults,
                inFlightMax: perHost.bound(hasOneHost: true))
            chunks[batch.id] = chunk
            return chunk
        }
    }
}
