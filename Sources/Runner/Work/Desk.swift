internal import JobStore

/// One loop's side of feed and marker: jobs that the loop took, workers that wait, and results of
/// workers.
///
/// Nearly everything a worker does here is a look at memory of its own thread. The desk asks the
/// feed, which loops share, for just as many jobs as workers go on at a time, and reports to it
/// once a turn.
final class Desk: EventLoopClient, @unchecked Sendable {
    // @unchecked holds because all of it but `init` runs on the loop's thread.
    private let feed: Feed
    private let marker: Marker
    private let judge: Judge
    /// The conditions that answers are asked; `nil` when there are none.
    private let conditions: AnswerConditions?
    /// The desk's changing state in one value, so that each step of a worker checks exclusive
    /// access once, not field by field.
    private var books = Books()
    private var idle: [UnsafeContinuation<Job?, Never>] = []

    private struct Books {
        var ready = SpanQueue()
        /// Whether the feed had too few jobs in this turn. It wakes us when there are more, so that
        /// no other worker need ask it.
        var isShort = false
        var handout = Feed.Handout()
        var marks: [Mark] = []
        /// The responses of jobs in `marks` that lead to further requests.
        var pages: [FollowedPage] = []
        var turn = TurnReport()
        /// The attempts of this turn, counted only for limits of the run.
        var ended = StopLimits.Ended()
        var idleTime = IdleTime()
        /// Where measurements of the loop are posted; `nil` until they are.
        var post: MeasurePost?
        var random = SystemRandomNumberGenerator()

        /// - Returns: The outcome that is marked; `nil` when the job is given back.
        mutating func finish(
            _ job: Job, with response: Response, _ matched: JudgingRules.Verdict?,
            _ handling: Handling?, at now: Now, _ judge: Judge, keepsValidators: Bool
        ) -> Outcome? {
            let isChosen =
                response.status >= 400 && !response.isOfRobots
                && judge.rules.isChosen(response.status)
            turn.add(
                response, of: job, isChosen: isChosen, askedMicrosMax: judge.retryAfterMicrosMax)
            // The breaker hears of it when the turn ends; until then a whole turn must not fail.
            let lane = job.chunk.hostID
            let isTripped =
                job.chunk.host.behaviour.contains(.isOutOfReach) || turn.trips(lane)
            let verdict: Judge.Verdict =
                switch handling {
                case nil:
                    judge.verdict(
                        on: response, of: job, matched: matched, isTripped: isTripped,
                        isDry: handout.isDry, at: now,
                        using: &random)
                case .handled(let handled):
                    judge.verdict(
                        of: handled.verdict, named: handled.reason, on: response, of: job,
                        at: now, using: &random)
                case .failed, .late:
                    judge.verdict(
                        of: .retry(after: .zero), on: response, of: job, at: now, using: &random)
                case .unhandled: .giveBack
                }
            switch verdict {
            case .outcome(let outcome, let wait, let isExcused):
                turn.finish()
                if outcome.state == .retrying { turn.awaitRetry(of: job, isHeld: isExcused) }
                let keepsValidators = keepsValidators && outcome.state == .completed
                if keepsValidators, response.isEntityTagLeftOut { post?.leftOutEntityTag() }
                marks.append(
                    Mark(
                        batchID: job.batchID, position: job.position, attempt: job.attempt,
                        outcome: outcome, wait: wait, isExcused: isExcused,
                        validators: keepsValidators ? response.validators(of: job) : nil))
                return outcome
            case .giveBack:
                turn.giveBack(job)
                return nil
            }
        }
    }

    /// Takes records; `nil` when responses are not kept.
    private let collector: (any Collector)?
    /// Whether the collector may keep records after their marks are in the queue.
    private let keepsRecords: Bool
    /// Whether the collector takes the records of failed jobs, too.
    private let keepsFailures: Bool
    private let keepsValidators: Bool
    /// The full parts of this turn's marks and records, when these are more than a commit takes
    /// well.
    private var parts: [Handover] = []
    private static let partBytes = 2 << 20
    /// The refusals at which the feed is told amid a turn.
    private static let refusalsMax = 10
    /// Makes something of responses; `nil` where nobody does.
    private let handlers: HandlerPool?
    /// Responses of this turn that are to be handled.
    private var unhandled: [HandlerPool.Item] = []
    /// The responses in a row that were handled at once.
    private var handledAtOnce = 0
    /// As many in a row tell that workers go on as soon as their transfers have ended. Otherwise no jobs
    /// are taken for them before: they would wait for a handler while others have nothing to do.
    private static let handledAtOnceMin = 64
    /// The responses that are handed to be handled amid a turn.
    private static let unhandledMax = 32
    private let limits: LimitWatch?
    /// Takes in failed attempts; `nil` when nobody looks at them.
    private let failures: FailureLog?
    private var memory: MemoryWatch
    /// Requests that ended and that the feed still counts as in flight.
    private var untold = 0

    init(
        feed: Feed, marker: Marker, judge: Judge, conditions: AnswerConditions? = nil,
        collector: (any Collector)? = nil, keepsFailures: Bool = false,
        keepsValidators: Bool = false, handlers: HandlerPool? = nil,
        limits: LimitWatch? = nil, failures: FailureLog? = nil,
        memory: MemoryWatch = MemoryWatch(MemoryBudget(bytesMax: .max), MemoryCeiling())
    ) {
        self.feed = feed
        self.marker = marker
        self.judge = judge
        self.conditions = conditions
        self.collector = collector
        // Files have the text of a record and no more of it.
        keepsRecords = collector.map { !($0 is FilesCollector) } ?? false
        self.keepsFailures = keepsFailures
        self.keepsValidators = keepsValidators
        self.handlers = handlers
        self.limits = limits
        self.failures = failures
        self.memory = memory
    }

    /// The time that workers waited for jobs. To be asked once the loop has ended.
    var idleTime: IdleTime { books.idleTime }

    /// Has the measurements of the loop posted, which must not have started yet.
    func posts(by post: MeasurePost) { books.post = post }

    /// Posts what was measured since the last time. For the loop's thread, once its workers have ended.
    func postLast() {
        let now = Now.read()
        noteIdle(at: now)
        let idleTime = books.idleTime
        books.post?.post(idleTime, at: now)
    }

    /// Returns the worker's next job; `nil` when the worker's work is over. Suspends only when
    /// there is no job now.
    func nextJob() async -> Job? {
        if let job = books.ready.popFirst() { return job }
        let now = Now.read()
        if !books.isShort { fill(1, at: now) }
        if let job = books.ready.popFirst() { return job }
        if books.handout.isClosed { return nil }
        return await withUnsafeContinuation { worker in
            idle.append(worker)
            noteIdle(at: now)
        }
    }

    /// Judges the result of an attempt and keeps the verdict for the marker.
    ///
    /// - Parameter capture: The part of the response that was kept, when anything is.
    /// - Returns: The capture when nobody needs it any more; `nil` when it is kept on.
    func finish(
        _ job: Job, with response: Response, _ capture: consuming Capture? = nil, at now: Now
    ) -> Capture? {
        var response = response
        let matched = ask(&response, capture)
        return finish(job, with: response, capture, matched, nil, at: now)
    }

    /// Whether responses are handled before their jobs are finished.
    var handles: Bool { handlers != nil }

    /// As the other `finish`, but has a response that would complete its job handled first.
    func finish(
        _ job: Job, with response: Response, _ capture: consuming Capture?, on loop: EventLoop
    ) async -> Capture? {
        var response = response
        var capture = capture
        let matched = ask(&response, capture)
        guard let handlers, let handed = capture, judge.completes(response, matched) else {
            return finish(job, with: response, capture, matched, nil, at: loop.now)
        }
        capture = nil
        let record = Record(
            // A handler may keep the record for as long as it likes.
            job: job.keepingLine,
            outcome: Outcome(.completed, status: UInt16(clamping: response.status)),
            status: response.status, bodyBytes: response.bodyBytes, capture: handed)
        let handling: Handling
        if let handled = handlers.handledAtOnce(record) {
            handling = .handled(handled)
            handledAtOnce += 1
        } else {
            handledAtOnce = 0
            handling = await withUnsafeContinuation { worker in
                unhandled.append(HandlerPool.Item(record: record, worker: worker))
                if unhandled.count >= Self.unhandledMax { handOver() }
            }
        }
        switch handling {
        case .late(let message):
            response.message = message
            // The response is the handler's for as long as it hangs.
            capture = handed.makeEmpty()
        case .failed(let message):
            response.message = message
            capture = handed
        case .handled(let handled):
            if case .failed(let reason) = handled.verdict { response.message = reason }
            capture = handed
        // The call may still read it.
        case .unhandled: capture = handed.makeEmpty()
        }
        return finish(job, with: response, capture, matched, handling, at: loop.now)
    }

    private func finish(
        _ job: Job, with response: Response, _ capture: consuming Capture?,
        _ matched: JudgingRules.Verdict?, _ handling: Handling?, at now: Now
    ) -> Capture? {
        let outcome = books.finish(
            job, with: response, matched, handling, at: now, judge,
            keepsValidators: keepsValidators)
        if limits != nil { count(outcome, response) }
        if let failures, let outcome, outcome.state != .completed {
            failures.add(job, outcome, response.message, at: now)
        }
        var made: [UInt8]?
        if case .handled(let handled) = handling, outcome?.state == .completed {
            made = handled.makesRecords ? handled.records : nil
            let others = handled.nofollow + handled.unread + handled.malformed
            if !handled.follow.isEmpty || others > 0 {
                books.pages.append(
                    FollowedPage(
                        job: job, finalURL: capture?.finalURL ?? [], requests: handled.follow,
                        nofollow: handled.nofollow, unread: handled.unread,
                        malformed: handled.malformed))
            }
        }
        guard let collector, let outcome, takes(outcome), let capture else { return capture }
        defer { if collector.size >= Self.partBytes { endPart() } }
        return collector.collect(
            Record(
                job: keepsRecords ? job.keepingLine : job, outcome: outcome,
                status: response.status, bodyBytes: response.bodyBytes, capture: capture,
                message: response.message,
                isOfRobots: response.isOfRobots, made: made))
    }

    /// Has a job handed out again that has waited for its robots.txt.
    ///
    /// - Parameter crawlDelayMicros: As in `Response`.
    func putBack(_ job: Job, crawlDelayMicros: Int) {
        books.turn.putBack(job, crawlDelayMicros: crawlDelayMicros)
    }

    private func count(_ outcome: Outcome?, _ response: Response) {
        let isDone = outcome.map { $0.state != .retrying } ?? false
        books.ended += StopLimits.Ended(
            done: isDone ? 1 : 0, failed: outcome?.state == .failed ? 1 : 0,
            bodyBytes: response.bodyBytes)
    }

    /// Asks the conditions about a whole answer.
    ///
    /// - Returns: Their verdict; `nil` when there are no conditions, or none applies.
    private func ask(_ response: inout Response, _ capture: Capture?) -> JudgingRules.Verdict? {
        guard let conditions, let capture, response.failure == nil, !response.isOfRobots else {
            return nil
        }
        do throws(Errno) {
            return try conditions.verdict(on: response.status, capture)
        } catch {
            // As when it could not be kept: the job is given back.
            response.failure = .unkept
            return nil
        }
    }

    /// Whether the record of a job with this outcome is collected.
    private func takes(_ outcome: Outcome) -> Bool {
        switch outcome.state {
        case .completed: true
        case .failed: keepsFailures
        case .retrying, .cancelled: false
        }
    }

    private func endPart() {
        let deposit = collector?.take() ?? Deposit()
        // A copy of their own size: the marker holds hundreds until a commit, and each would have the
        // room of the largest.
        let part = Handover(
            marks: books.marks.map(\.self), deposit: deposit, pages: books.pages)
        books.turn.outputBytes += part.size
        parts.append(part)
        books.marks.removeAll(keepingCapacity: true)
        books.pages = []
    }

    // MARK: - The loop's turns

    /// Takes jobs for `workers` workers that are about to ask, with one look at the feed for all of
    /// them.
    func willResume(_ workers: Int, at now: Now) {
        // Not at the end of the turn: by then as many more would have been refused.
        let goOnAtOnce = handlers == nil || handledAtOnce >= Self.handledAtOnceMin
        let asking = goOnAtOnce ? workers : 0
        if books.turn.refusals >= Self.refusalsMax { report(asking: asking) }
        untold += workers
        if books.ready.count < asking { fill(asking - books.ready.count, at: now) }
    }

    func turnEnds() {
        handOver()
        report(asking: 0)
    }

    /// Hands over the responses that are to be handled, with one look at the handlers for all of them.
    private func handOver() {
        guard let handlers, !unhandled.isEmpty else { return }
        handlers.add(unhandled)
        unhandled.removeAll(keepingCapacity: true)
    }

    /// Tells the feed, and the marker, what has ended.
    ///
    /// - Parameter asking: The workers that are about to ask for jobs, beside those that wait.
    private func report(asking: Int) {
        untold = 0
        books.isShort = false
        guard !books.turn.isEmpty else { return }
        let now = Now.read()
        if !books.marks.isEmpty { endPart() }
        collector?.turnEnds()
        if books.post?.isDue(at: now) ?? false {
            noteIdle(at: now)
            let idleTime = books.idleTime
            books.post?.post(idleTime, at: now)
        }
        let feedState = feed.ended(books.turn, asking: asking + idle.count, at: now)
        if let limits {
            limits.add(books.ended)
            books.ended = StopLimits.Ended()
        }
        books.turn = TurnReport()
        for index in parts.indices {
            let isLast = feedState.isLast && index == parts.count - 1
            marker.add(parts[index], at: now, isLast: isLast)
        }
        parts.removeAll(keepingCapacity: true)
        // They were refused before the feed heard of what has ended.
        if feedState.isOpen { woken() }
    }

    func woken() {
        books.isShort = false
        guard !idle.isEmpty else { return }
        defer { noteIdle(at: Now.read()) }
        if books.ready.count < idle.count {
            fill(idle.count - books.ready.count, at: Now.read())
        }
        while let worker = idle.last {
            let job = books.ready.popFirst()
            guard job != nil || books.handout.isClosed else { return }
            idle.removeLast()
            worker.resume(returning: job)
        }
    }

    private func noteIdle(at now: Now) {
        books.idleTime.note(waiting: idle.count, because: books.handout.shortage, at: now)
    }

    private func fill(_ count: Int, at now: Now) {
        let inFlightMax = min(memory.inFlightMax(at: now), .max - untold) + untold
        let wanted = books.ready.count + count
        books.handout = feed.take(
            count, into: &books.ready, at: now, inFlightMax: inFlightMax, untold: untold)
        books.isShort = books.ready.count < wanted
    }
}

extension Response {
    /// The validators to keep for a completed job: of what has not changed, those that it was asked
    /// for by.
    fileprivate func validators(of job: Job) -> Validators? {
        isUnchanged ? job.request.validators : validators
    }
}
