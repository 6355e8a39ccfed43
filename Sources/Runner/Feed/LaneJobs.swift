internal import JobStore

/// The ready jobs of a lane. Pure.
struct LaneJobs {
    /// Jobs for their first attempt, and those that were given back.
    private var fresh = SpanQueue()
    private var due = SpanQueue()
    /// The batches, but for lists, whose segments were claimed and which have jobs here.
    private(set) var batches: Set<Batch.ID> = []
    /// The jobs of lists in `fresh` that go back with their block (`JobSpan.isParkable`).
    private(set) var listed = 0
    /// The lane in the queue of the list's jobs that came last; `nil` when none came.
    private(set) var source: ListLane?

    var count: Int { fresh.count + due.count }
    var freshCount: Int { fresh.count }
    var dueCount: Int { due.count }

    mutating func add(fresh span: JobSpan) {
        fresh.append(span)
        if span.isParkable {
            listed += span.count
            source = span.chunk.source
        } else if !span.chunk.isOfList {
            batches.insert(span.chunk.batch.id)
        }
    }

    mutating func add(due span: JobSpan) { due.append(span) }

    /// Takes up to `limit` jobs of one span; `nil` when there are none.
    mutating func take(_ limit: Int, dueFirst: Bool) -> JobSpan? {
        dueFirst
            ? due.take(limit) ?? takeFresh(limit)
            : takeFresh(limit) ?? due.take(limit)
    }

    private mutating func takeFresh(_ limit: Int) -> JobSpan? {
        let span = fresh.take(limit)
        if let span, span.isParkable { listed -= span.count }
        return span
    }

    /// Takes in that no batch has a job here for its first attempt.
    mutating func forgetBatches() { batches.removeAll(keepingCapacity: true) }

    /// Calls `body` with the spans of lists that are ready for their first attempt.
    func forEachListed(_ body: (JobSpan) -> Void) {
        guard listed > 0 else { return }
        for span in fresh.rest where span.isParkable { body(span) }
    }

    /// Takes out spans of lists that pass a test.
    mutating func removeListed(where isUnwanted: (JobSpan) -> Bool) {
        guard listed > 0 else { return }
        listed -= fresh.removeAll { $0.isParkable && isUnwanted($0) }
    }
}

extension JobSpan {
    /// Whether the jobs are of a segment of a list that may be parked. A retry that was given back
    /// is held by itself.
    var isParkable: Bool { attempt == 1 && chunk.isOfList }
}
