/// A queue of job spans that gives memory back as it is emptied.
struct SpanQueue {
    private var spans: [JobSpan] = []
    private var head = 0
    /// The number of jobs in the queue.
    private(set) var count = 0

    mutating func append(_ span: JobSpan) {
        spans.append(span)
        count += span.count
    }

    /// Takes up to `limit` jobs of the first span; `nil` when the queue is empty.
    mutating func take(_ limit: Int) -> JobSpan? {
        guard head < spans.count else { return nil }
        let span = spans[head].split(limit)
        count -= span.count
        if spans[head].count == 0 { dropFirst() }
        return span
    }

    /// Takes out the spans that pass a test.
    ///
    /// - Returns: The number of their jobs.
    mutating func removeAll(where isUnwanted: (JobSpan) -> Bool) -> Int {
        let before = count
        spans.removeFirst(head)
        head = 0
        spans.removeAll { span in
            guard isUnwanted(span) else { return false }
            count -= span.count
            return true
        }
        return before - count
    }

    /// The spans in the queue, in order.
    var rest: ArraySlice<JobSpan> { spans[head...] }

    mutating func popFirst() -> Job? {
        guard head < spans.count else { return nil }
        let job = spans[head].popFirst()
        count -= 1
        if spans[head].count == 0 { dropFirst() }
        return job
    }

    private mutating func dropFirst() {
        head += 1
        if head == spans.count {
            spans.removeAll(keepingCapacity: true)
            head = 0
        } else if head >= 4, 2 * head >= spans.count {
            // Not later: a span that was taken still holds the lines of its block.
            spans.removeFirst(head)
            head = 0
        }
    }
}
