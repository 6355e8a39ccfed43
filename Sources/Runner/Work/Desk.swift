internal import JobStore

/// One loop's side of feed and marker: jobs it took, workers that wait, what they finished.
///
/// Everything a worker does here is a look at memory of its own thread; feed and marker, which
/// loops share, are asked once a turn for all of them.
final class Desk: EventLoopClient, @unchecked Sendable {
    // @unchecked holds because all of it but `init` runs on the loop's thread.
    private let feed: Feed
    private let marker: Marker
    private let judge: Judge
    private var random = SystemRandomNumberGenerator()

    private var runs: [JobRun] = []
    private var nextRun = 0
    private var ready = 0
    private var idle: [UnsafeContinuation<Job?, Never>] = []
    private var handout = Feed.Handout()

    private var marks: [Mark] = []
    private var turn = TurnReport()

    init(feed: Feed, marker: Marker, judge: Judge) {
        self.feed = feed
        self.marker = marker
        self.judge = judge
    }

    /// The worker's next job; `nil` when its work is over. Suspends only when there is none now.
    func nextJob() async -> Job? {
        if ready == 0 { fill(1) }
        if let job = pop() { return job }
        if handout.isClosed { return nil }
        return await withUnsafeContinuation { idle.append($0) }
    }

    /// Judges how an attempt ended and keeps it for the marker.
    func finish(_ job: Job, with response: Response, at now: Now) {
        switch response.failure {
        case .local(let number): turn.localError = number
        case .reason(.dns), .reason(.connect), .reason(.tls):
            if job.batch.hasOneHost { turn.unreachable += 1 }
        // A request that was sent before the network went down ends so, too.
        case .reason(.timeout), .reason(.other), .reason(.badURL), .cancelled: break
        case .reason, nil: turn.answered += 1
        }
        // The breaker hears of it when the turn ends; until then a whole turn must not fail.
        let isTripped =
            handout.isTripped || (turn.answered == 0 && turn.unreachable > Breaker.threshold)
        let verdict = judge.verdict(
            on: response, attempt: job.attempt, isTripped: isTripped && job.batch.hasOneHost,
            at: now, using: &random)
        switch verdict {
        case .outcome(let outcome, let notBeforeMicros):
            turn.finished += 1
            marks.append(
                Mark(
                    batchID: job.batch.id, position: job.position, attempt: job.attempt,
                    outcome: outcome, notBeforeMicros: notBeforeMicros))
        case .giveBack:
            turn.givenBack.append(job)
        }
    }

    // MARK: - The loop's turns

    /// So many workers are about to ask: one look at the feed for all of them.
    func willResume(_ workers: Int) {
        if ready < workers { fill(workers - ready) }
    }

    func turnEnds() {
        guard !turn.isEmpty else { return }
        let now = Now.read()
        handout.isTripped = feed.ended(turn, at: now)
        turn = TurnReport()
        guard !marks.isEmpty else { return }
        // Bodies are dropped: the marks stand for no bytes of output.
        marker.add(marks, bytes: 0, at: now)
        marks.removeAll(keepingCapacity: true)
    }

    func woken() {
        guard !idle.isEmpty else { return }
        if ready < idle.count { fill(idle.count - ready) }
        while let worker = idle.last {
            let job = pop()
            guard job != nil || handout.isClosed else { return }
            idle.removeLast()
            worker.resume(returning: job)
        }
    }

    private func fill(_ count: Int) {
        let before = runs.count
        handout = feed.take(count, into: &runs)
        for run in runs[before...] { ready += run.count }
    }

    private func pop() -> Job? {
        guard nextRun < runs.count else { return nil }
        let job = runs[nextRun].popFirst()
        ready -= 1
        if runs[nextRun].count == 0 { nextRun += 1 }
        if nextRun == runs.count {
            runs.removeAll(keepingCapacity: true)
            nextRun = 0
        }
        return job
    }
}
