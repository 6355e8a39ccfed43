/// A queue of job runs that gives memory back as it is emptied.
struct RunQueue {
    private var runs: [JobRun] = []
    private var head = 0
    /// The number of jobs in the queue.
    private(set) var count = 0

    mutating func append(_ run: JobRun) {
        runs.append(run)
        count += run.count
    }

    mutating func prepend(_ run: JobRun) {
        count += run.count
        if head > 0 {
            head -= 1
            runs[head] = run
        } else {
            runs.insert(run, at: 0)
        }
    }

    /// Takes up to `limit` jobs of the first run; `nil` when the queue is empty.
    mutating func take(_ limit: Int) -> JobRun? {
        guard head < runs.count else { return nil }
        let run = runs[head].split(limit)
        count -= run.count
        if runs[head].count == 0 { dropFirst() }
        return run
    }

    mutating func popFirst() -> Job? {
        guard head < runs.count else { return nil }
        let job = runs[head].popFirst()
        count -= 1
        if runs[head].count == 0 { dropFirst() }
        return job
    }

    private mutating func dropFirst() {
        head += 1
        if head == runs.count {
            runs.removeAll(keepingCapacity: true)
            head = 0
        } else if head >= 1024 {
            runs.removeFirst(head)
            head = 0
        }
    }
}
