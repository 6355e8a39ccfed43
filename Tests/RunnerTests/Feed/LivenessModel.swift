import JobStore
import TestSupport
import Testing

@testable import Runner

/// A run with a clock of its own: a queue, loops with workers, and a marker about a `JobFeed` and a
/// `Judge`, doing as `Feed`, `Desk` and `Marker` do. It checks at each step what must be.
struct LivenessModel {
    enum Ending { case finished, stalled }

    /// Where a job is.
    private enum Place: Equatable {
        case queued, ready, inFlight, unmarked
        case retrying(dueMicros: Int)
        case final
    }

    private struct JobRecord {
        var place = Place.queued
        /// Attempts that counted.
        var charged = 0
        /// Attempts that did not, since its host pushed back.
        var excused = 0
        var sinceMicros: Int?
        /// Since then, times it was given back when its host had answered others meanwhile.
        var returns = 0
        var answersBefore = 0
        var finalMicros: Int?
    }

    private enum Event {
        case ended(loop: Int, Job, Response)
        case claimed([Segment])
        case claimedRetries(RetryClaim)
        case committed([Mark])
        case look
    }

    private struct Loop {
        var idle: Int
    }

    static let stallMicrosMax = 200_000_000
    private static let commitMicros = 100_000

    let mix: LivenessMix
    private(set) var feed: JobFeed
    private(set) var now = Now.at(ms: 0)
    private var random: SeededGenerator
    private let judge: Judge
    private var jobs: [JobRecord]
    private var nextPositions: [Int]
    private var loops: [Loop]
    /// What is to happen, the next last.
    private var events: [(micros: Int, event: Event)] = []
    private var isRung = true
    private var isClaiming = false
    private var lookMicros = Int.max
    private var marks: [Mark] = []
    private var isCommitting = false
    private var answersOfHosts: [Int]
    private var eventCount = 0

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        mix = LivenessMix(using: &random)
        var politeness = PolitenessOptions()
        politeness.crowd = CrowdControl(
            inFlightMaxFirst: seed.isMultiple(of: 2) ? 4 : 64, workers: mix.workers)
        feed = JobFeed(limits: mix.limits, politeness, retrying: 0)
        judge = Judge(retries: mix.retries)
        jobs = Array(repeating: JobRecord(), count: mix.jobCount)
        nextPositions = Array(repeating: 0, count: mix.batches.count)
        answersOfHosts = Array(repeating: 0, count: mix.hosts.count)
        let (workers, count) = (mix.workers, mix.loops)
        loops = (0..<count).map { Loop(idle: workers / count + ($0 < workers % count ? 1 : 0)) }
    }

    // MARK: - Running

    mutating func runToTheEnd() throws -> Ending {
        while true {
            if isRung, !isClaiming {
                if let ending = try look() { return ending }
                continue
            }
            let next = events.popLast()
            let (micros, event) = try #require(next, "it waits for nothing: \(state)")
            try #require(micros >= now.monotonicMicros && micros < 7_200_000_000, "\(state)")
            now = Now.at(ms: 0)
            now.monotonicMicros += micros
            now.wallMicros += micros
            eventCount += 1
            try #require(eventCount < 200_000, "it does too much: \(state)")
            try happens(event)
        }
    }

    private mutating func happens(_ event: Event) throws {
        switch event {
        case .ended(let loop, let job, let response):
            try ended(on: loop, [(job, response)] + othersEnded(on: loop))
        case .claimed(let segments):
            (isClaiming, isRung) = (false, true)
            let claim = Claim(segments: segments, next: segments.isEmpty ? .finished : .now)
            feed.add(claim, { mix.batches[$0.id - 1].running }, at: now)
            for segment in segments {
                for position in segment.todo.joined() {
                    try move(segment.batch.id(at: position), from: .queued, to: .ready)
                }
            }
            if !segments.isEmpty { try wakeLoops() }
        case .claimedRetries(let claim):
            (isClaiming, isRung) = (false, true)
            feed.add(claim, { mix.batches[$0.id - 1].running }, at: now)
            if !claim.jobs.isEmpty { try wakeLoops() }
        case .committed(let marks):
            try committed(marks)
        case .look:
            if lookMicros <= now.monotonicMicros {
                lookMicros = .max
                isRung = true
            }
        }
        if eventCount % 16 == 0 { try checkSums() }
    }

    /// As `Feed.run`.
    private mutating func look() throws -> Ending? {
        isRung = false
        let need = feed.need(at: now)
        let isWakeDue = feed.isWakeDue(at: now)
        try checkStall()
        let giveUpMicros = feed.stalledSinceMicros.map { $0 + Self.stallMicrosMax }
        if let giveUpMicros, now.monotonicMicros >= giveUpMicros { return .stalled }
        if isWakeDue { try wakeLoops() }
        switch need {
        case .jobs(let request):
            try claim(request.jobs, skipping: request.skippedBatches)
        case .retries(let limit):
            try claimRetries(limit)
        case .park:
            Issue.record("ranges are not parked")
        case .wait(let untilMicros):
            if let untilMicros {
                let waitMicros = untilMicros - now.monotonicMicros
                try #require(waitMicros > 0, "it looks again and again: \(state)")
                try #require(waitMicros <= 60_000_000, "it waits for too long: \(state)")
            }
            let wakeMicros = [untilMicros, giveUpMicros].compactMap(\.self).min()
            if let wakeMicros, wakeMicros < lookMicros {
                lookMicros = wakeMicros
                schedule(.look, atMicros: wakeMicros)
            }
        case .finished:
            try #require(jobs.allSatisfy { $0.place == .final }, "jobs are left: \(state)")
            return .finished
        case .denied(let denial):
            Issue.record("\(denial): nobody denies access")
            return .finished
        }
        return nil
    }

    private mutating func schedule(_ event: Event, atMicros micros: Int) {
        // What happens at one time happens in this order.
        let index = events.firstIndex { $0.micros <= micros } ?? events.endIndex
        events.insert((micros, event), at: index)
    }

    private mutating func schedule(_ event: Event, withinMicros micros: Int) {
        let delay = Int.random(in: 1...micros, using: &random)
        schedule(event, atMicros: now.monotonicMicros + delay)
    }

    // MARK: - The queue

    /// What is claimed is decided at once; the feed hears of it later.
    private mutating func claim(_ count: Int, skipping skipped: Set<Batch.ID>) throws {
        try #require(count >= 1)
        isClaiming = true
        var segments: [Segment] = []
        var claimed = 0
        for (index, one) in mix.batches.enumerated() where !skipped.contains(one.batch.id) {
            while claimed < count, nextPositions[index] < one.batch.count {
                let first = nextPositions[index]
                let end = min(one.batch.count, first + mix.segmentMax)
                segments.append(Segment(batch: one.batch, todo: [first..<end]))
                nextPositions[index] = end
                claimed += end - first
            }
        }
        schedule(.claimed(segments), withinMicros: claimMicrosMax)
    }

    /// Now and then another process holds the queue's lock.
    private var claimMicrosMax: Int {
        mutating get { Int.random(in: 0..<20, using: &random) == 0 ? 4_000_000 : 3000 }
    }

    private mutating func claimRetries(_ limit: Int) throws {
        isClaiming = true
        var due: [DueRetry] = []
        var next: Int?
        for one in mix.batches {
            for position in 0..<one.batch.count {
                let id = one.batch.id(at: position)
                guard case .retrying(let dueMicros) = jobs[id].place else { continue }
                if dueMicros <= now.monotonicMicros, due.count < limit {
                    due.append(
                        DueRetry(
                            batch: one.batch, position: position,
                            attempts: jobs[id].charged + jobs[id].excused,
                            excused: jobs[id].excused,
                            age: .microseconds(
                                now.monotonicMicros
                                    - (jobs[id].sinceMicros ?? now.monotonicMicros))))
                    jobs[id].place = .ready
                } else {
                    next = min(next ?? .max, dueMicros)
                }
            }
        }
        schedule(
            .claimedRetries(
                RetryClaim(
                    jobs: due,
                    nextDue: next.map { .microseconds(max(0, $0 - now.monotonicMicros)) })),
            withinMicros: claimMicrosMax)
    }

    /// The commit is in the queue already; the feed hears of it now.
    private mutating func committed(_ marks: [Mark]) throws {
        isCommitting = false
        feed.marked(marks, at: now)
        isRung = true
        if feed.isStarved { try wakeLoops() }
        commit()
    }

    private mutating func commit() {
        guard !isCommitting, !marks.isEmpty else { return }
        isCommitting = true
        for mark in marks {
            let id = mix.batches[mark.batchID - 1].batch.id(at: mark.position)
            if mark.outcome.state == .retrying {
                jobs[id].place = .retrying(
                    dueMicros: now.monotonicMicros + mark.wait.microseconds)
            } else {
                jobs[id].place = .final
                jobs[id].finalMicros = now.monotonicMicros
            }
        }
        schedule(.committed(marks), withinMicros: Self.commitMicros)
        marks = []
    }

    // MARK: - Loops

    private mutating func wakeLoops() throws {
        for loop in loops.indices where loops[loop].idle > 0 {
            try take(loops[loop].idle, on: loop)
        }
    }

    private mutating func take(_ limit: Int, on loop: Int) throws {
        var runs = SpanQueue()
        let (before, limits) = (feed.ready, feed.limits)
        _ = feed.take(limit, into: &runs, at: now)
        for job in runs.popAll() {
            try move(job.id, from: .ready, to: .inFlight)
            try #require(job.countedAttempt == jobs[job.id].charged + 1, "\(state)")
            try #require(job.countedAttempt <= mix.retries + 1, "\(state)")
            loops[loop].idle -= 1
            let (response, micros) = mix.response(
                to: job, atMicros: now.monotonicMicros, using: &random)
            // Some end at one time, in one turn of their loop.
            schedule(
                .ended(loop: loop, job, response),
                atMicros: (now.monotonicMicros + micros + 500) / 500 * 500)
        }
        if before >= limits.ready && feed.ready < limits.ready { isRung = true }
    }

    private mutating func othersEnded(on loop: Int) -> [(Job, Response)] {
        var others: [(Job, Response)] = []
        while case (now.monotonicMicros, .ended(loop, let job, let response))? = events.last {
            events.removeLast()
            others.append((job, response))
        }
        return others
    }

    /// As `Desk` in a turn: those who go on ask first, and then what ended is told.
    private mutating func ended(on loop: Int, _ ended: [(job: Job, response: Response)]) throws {
        loops[loop].idle += ended.count
        try take(ended.count, on: loop)
        var turn = TurnReport()
        for (job, response) in ended {
            turn.add(response, of: job)
            let lane = job.chunk.host.id
            let isTripped = job.chunk.host.behaviour.contains(.isOutOfReach) || turn.trips(lane)
            switch judge.verdict(
                on: response, of: job, isTripped: isTripped, at: now, using: &random)
            {
            case .outcome(let outcome, let wait, let isExcused):
                turn.finish()
                if outcome.state == .retrying { turn.awaitRetry(of: job, isHeld: isExcused) }
                if isExcused { jobs[job.id].excused += 1 } else { jobs[job.id].charged += 1 }
                jobs[job.id].sinceMicros = jobs[job.id].sinceMicros ?? now.monotonicMicros
                jobs[job.id].returns = 0
                try move(job.id, from: .inFlight, to: .unmarked)
                marks.append(job.mark(outcome, wait: wait))
            case .giveBack:
                turn.giveBack(job)
                try move(job.id, from: .inFlight, to: .ready)
                try noteReturn(of: job)
            }
            if let host = mix.batches[job.batchID - 1].host,
                response.failure == nil || response.redirects > 0
            {
                answersOfHosts[host] += 1
            }
        }
        let before = (feed.reach, feed.machineTrouble)
        feed.ended(turn, at: now)
        let isChanged = before.0 != feed.reach || before.1 != feed.machineTrouble
        if feed.inFlight == 0 || !turn.givenBack.isEmpty || isChanged { isRung = true }
        if before.0.regained != feed.reach.regained || before.1 != nil && feed.machineTrouble == nil
        {
            try wakeLoops()
        }
        commit()
    }

    private mutating func noteReturn(of job: Job) throws {
        guard let host = mix.batches[job.batchID - 1].host else { return }
        if jobs[job.id].answersBefore != answersOfHosts[host] { jobs[job.id].returns += 1 }
        jobs[job.id].answersBefore = answersOfHosts[host]
        // One more is for what was answered and not told yet when it came back.
        try #require(jobs[job.id].returns <= Job.returnsMax + 2, "it comes back: \(state)")
    }

    // MARK: - What must be

    private mutating func move(_ id: Int, from: Place, to: Place) throws {
        try #require(jobs[id].place == from, "job \(id) becomes \(to): \(state)")
        jobs[id].place = to
    }

    private func checkSums() throws {
        let inFlight = jobs.count { $0.place == .inFlight }
        try #require(feed.inFlight == inFlight && feed.unmarked >= 0, "\(state)")
        try #require(loops.reduce(0) { $0 + $1.idle } == mix.workers - inFlight, "\(state)")
        if !isClaiming {
            try #require(feed.ready == jobs.count { $0.place == .ready }, "\(state)")
        }
        try #require(feed.sumsHold, "\(state)")
    }

    /// Nothing else can be done while it counts as stalled.
    private func checkStall() throws {
        guard let since = feed.stalledSinceMicros, feed.machineTrouble == nil else { return }
        let hasBeenStalled = now.monotonicMicros - since > 3_000_000
        for one in mix.batches where !feed.tripped.contains(one.running.host.id) {
            for job in jobs[ids(of: one.batch)] {
                let canBeDone =
                    switch job.place {
                    case .ready: !isClaiming
                    case .inFlight: true
                    // The feed hears of them a little later.
                    case .queued, .retrying: hasBeenStalled
                    case .unmarked, .final: false
                    }
                try #require(!canBeDone, "it is no stall: \(state)")
            }
        }
    }

    /// After the end: who had to get through has, in time, and nobody paid for the others.
    func checkEnd(_ ending: Ending) throws {
        for one in mix.batches {
            let ids = ids(of: one.batch)
            for (position, id) in ids.enumerated() where jobs[id].place != .final {
                let host = one.host.map { mix.hosts[$0] }
                // Nobody can tell jobs that are all this machine has left to try from its own trouble.
                let isHeldByMachine = feed.machineTrouble != nil && host?.isHealthy != true
                let isLocal = one.oddity == .local && mix.isOdd(position, of: one)
                try #require(
                    host?.isLost == true || isLocal || isHeldByMachine,
                    "job \(id) could have been done: \(state)")
            }
            guard let host = one.host.map({ mix.hosts[$0] }) else { continue }
            if host.isHealthy {
                let last = jobs[ids].compactMap(\.finalMicros).max() ?? 0
                try #require(last <= healthyMicrosMax, "the healthy had to wait: \(state)")
            }
        }
        for (number, host) in mix.hosts.enumerated() where host.isNeverUp {
            let charged = mix.batches.filter { $0.host == number && $0.oddity != .local }
                .flatMap { jobs[ids(of: $0.batch)] }.reduce(0) { $0 + $1.charged }
            // Each loop may have a turn that does not know yet.
            let chargedMax = Breaker.threshold * (mix.loops + 1) - 1
            try #require(charged <= chargedMax, "\(charged) attempts counted: \(state)")
        }
        if ending == .finished {
            try #require(feed.ready == 0 && feed.inFlight == 0 && feed.retrying == 0, "\(state)")
        }
    }

    /// The work itself, waits for retries, and pauses of this machine.
    private var healthyMicrosMax: Int {
        let work = mix.jobCount * (mix.retries + 1) * (mix.answerMicrosMax + 2000) / mix.workers
        let silent = mix.hosts.map(\.silentUntilMicros).reduce(0, +)
        let local = mix.batches.filter { $0.oddity == .local }.count * 3 * (mix.retries + 1) * 7
        return 60_000_000 + 3 * work + 2 * silent + local * 8_000_000
    }

    private func ids(of batch: Batch) -> Range<Int> {
        batch.ids.first..<batch.ids.last + 1
    }

    private var state: String {
        let names = jobs.map { "\($0.place)".prefix { $0 != "(" } }
        let places = Dictionary(grouping: names, by: \.self).mapValues(\.count)
        return """
            at \(now.monotonicMicros) µs, \(mix.workers) workers, \(mix.loops) loops, \(places), \
            \(feed.ready) ready, \(feed.inFlight) in flight, \(feed.unmarked) unmarked, \
            \(feed.retrying) retrying, outages \(feed.outages), \
            stalled since \(feed.stalledSinceMicros ?? -1)
            """
    }
}
