internal import JobStore

/// The attempts that ended on one loop since its last report.
struct TurnReport {
    /// Attempts with an outcome.
    private(set) var finished = 0
    /// Bytes of output that belong to the attempts in `finished`.
    var outputBytes = 0
    /// Jobs that count as never tried.
    private(set) var givenBack: [Job] = []
    /// Jobs that waited while their origin was asked for its robots.txt, and are to be handed out
    /// again, at their host's pace.
    private(set) var putBack: [Job] = []
    /// Attempts that ended without a request, as robots.txt disallows it.
    private(set) var unsent = 0
    /// The trouble of the last attempt that this machine could not make; `nil` when there was none.
    private(set) var machineTrouble: MachineTrouble?
    /// The message of the attempt with `machineTrouble`; empty when there is none.
    private(set) var machineMessage = ""
    /// Answers by which hosts refused for now.
    private(set) var refusals = 0
    /// The reports by host, of hosts that had requests in flight.
    private(set) var hosts: [HostReport] = []

    /// The ended attempts of one host's jobs.
    struct HostReport {
        /// Some of the host's requests.
        let chunk: RequestChunk
        /// The number of the host.
        let id: Host.ID
        /// Attempts that ended, whatever became of them.
        fileprivate(set) var ended = 0
        /// Attempts in which the host had a part, however they ended.
        fileprivate(set) var answered = 0
        /// Those of `answered` that the host refused for now: 429, 503, and what it took back by
        /// HTTP/2.
        fileprivate(set) var refused = 0
        /// The longest time in µs for which a refusal asks to wait; 0 for none.
        fileprivate(set) var askedMicros = 0
        /// Those of `answered` in which the server failed: 5xx but 503.
        fileprivate(set) var broken = 0
        /// Those of `refused` and `broken` that were first attempts.
        fileprivate(set) var firstFailures = 0
        /// Those of `answered` that ended as the connection broke.
        fileprivate(set) var cut = 0
        /// Jobs that wait for what is their host's doing.
        fileprivate(set) var held = 0
        /// The status by which the host denied access to jobs, and their number.
        fileprivate(set) var denials: (status: UInt16, count: Int) = (0, 0)
        /// Those of `ended` that were handed out in the latest cohort among them.
        fileprivate(set) var cohort = Cohort.Share()
        /// Attempts that could not reach the host.
        fileprivate(set) var unreachable = 0
        /// The message of the last attempt that could not reach the host.
        fileprivate(set) var message = ""
        /// Attempts that ended without a request, as robots.txt disallows it.
        fileprivate(set) var unsent = 0
        /// Jobs in `putBack`.
        fileprivate(set) var putBack = 0
        /// Jobs that wait in the queue for their retry, those in `held` included.
        fileprivate(set) var retrying = 0
        /// Attempts that this machine could not make.
        fileprivate(set) var local = 0
        /// The time in µs between two requests that the host's robots.txt asks for, as far as it is
        /// known; 0 when it asks for none. A minute at most.
        fileprivate(set) var crawlDelayMicros = 0
    }

    var isEmpty: Bool { finished == 0 && givenBack.isEmpty && putBack.isEmpty }
    /// Attempts that ended, whatever became of them.
    var ended: Int { hosts.reduce(0) { $0 + $1.ended } }
    /// Whether some jobs ended, or are to be handed out again, without a request of their own.
    var isOfRobots: Bool { unsent > 0 || !putBack.isEmpty }
    /// Whether anything at all got through.
    var isAnswered: Bool { hosts.contains { $0.answered > 0 } }

    /// Whether the failures in this turn, without the latest, would trip the breaker of a host.
    func trips(_ host: Host.ID) -> Bool {
        hosts.contains {
            $0.id == host && $0.answered == 0 && $0.unreachable > Breaker.threshold
        }
    }

    /// Counts what a response to a job says about its host and about this machine.
    ///
    /// - Parameters:
    ///   - isChosen: Whether the user has said what the status means: then it is an answer like any
    ///     other.
    ///   - askedMicrosMax: The longest `Retry-After` that is honoured, in µs.
    mutating func add(
        _ response: Response, of job: Job, isChosen: Bool = false,
        askedMicrosMax: Int = Retry.waitMax.microseconds
    ) {
        let index = index(of: job.chunk)
        let answered = hosts[index].wellAnswered
        add(response, of: job, to: index, isChosen: isChosen, askedMicrosMax: askedMicrosMax)
        guard job.cohort != 0 else { return }
        if response.isUnsent {
            hosts[index].addUnsent(job.cohort)
        } else {
            hosts[index].add(job.cohort, answered: hosts[index].wellAnswered - answered)
        }
    }

    private mutating func add(
        _ response: Response, of job: Job, to index: Int, isChosen: Bool, askedMicrosMax: Int
    ) {
        let chunk = job.chunk
        hosts[index].ended += 1
        hosts[index].note(crawlDelayMicros: response.crawlDelayMicros)
        // The job's own host has answered, whatever became of the host it led to.
        let isRedirected =
            response.redirects > 0 && response.failure != .cancelled && response.failure != .unkept
        if isRedirected { hosts[index].answered += 1 }
        switch response.failure {
        case .local(let trouble):
            (machineTrouble, machineMessage) = (trouble, response.message)
            hosts[index].local += 1
        case .reason(.dns), .reason(.connect), .reason(.tls):
            guard chunk.hasOneHost, response.redirects == 0,
                // Of a list, that a name does not exist is an answer, and its jobs fail.
                !(chunk.isOfList && response.isNameUnknown)
            else { break }
            hosts[index].unreachable += 1
            hosts[index].message = response.message
        // A request that was sent before the network went down ends so, too.
        case .reason(.timeout), .reason(.other), .reason(.badURL), .reason(.forbiddenAddress),
            .reason(.handler), .cancelled, .unkept:
            break
        // Nobody was asked.
        case .reason(.robots):
            guard response.isUnsent else { break }
            unsent += 1
            hosts[index].unsent += 1
        case .reason:
            guard !isRedirected else { break }
            hosts[index].answered += 1
            // It has a part in it, and answers nothing.
            if response.isTakenBack, chunk.hasOneHost {
                refusals += 1
                hosts[index].addTakenBack(job)
            } else if response.failure == .reason(.reset) {
                hosts[index].cut += 1
            }
        case nil:
            guard !isRedirected else { break }
            hosts[index].answered += 1
            // Of many hosts that stand for each other, one says nothing of the others.
            if response.status >= 400, !isChosen, chunk.hasOneHost {
                if response.status == 429 || response.status == 503 { refusals += 1 }
                hosts[index].add(
                    status: response.status, job,
                    askedMicros: min(response.retryAfter?.microseconds ?? 0, askedMicrosMax))
            }
        }
    }

    mutating func finish() { finished += 1 }

    /// Takes in that a job waits in the queue for its retry.
    ///
    /// - Parameter isHeld: Whether that is its host's doing (`Mark.isExcused`).
    mutating func awaitRetry(of job: Job, isHeld: Bool) {
        let index = index(of: job.chunk)
        hosts[index].retrying += 1
        if isHeld { hosts[index].held += 1 }
    }

    /// Takes in that a job has waited for the robots.txt of its origin, and is to be handed out
    /// again.
    ///
    /// - Parameter crawlDelayMicros: As in `Response`.
    mutating func putBack(_ job: Job, crawlDelayMicros: Int) {
        putBack.append(job)
        let index = index(of: job.chunk)
        hosts[index].ended += 1
        hosts[index].putBack += 1
        if job.cohort != 0 { hosts[index].addUnsent(job.cohort) }
        hosts[index].note(crawlDelayMicros: crawlDelayMicros)
    }

    mutating func giveBack(_ job: Job) { givenBack.append(job) }

    private mutating func index(of chunk: RequestChunk) -> Int {
        if let index = hosts.firstIndex(where: { $0.id == chunk.hostID }) { return index }
        hosts.append(HostReport(chunk: chunk, id: chunk.hostID))
        return hosts.count - 1
    }
}

extension TurnReport.HostReport {
    fileprivate mutating func addTakenBack(_ job: Job) {
        refused += 1
        if job.attempt == 1 { firstFailures += 1 }
        message = "it takes no more streams of HTTP/2"
    }

    fileprivate mutating func note(crawlDelayMicros micros: Int) {
        // Of many hosts that stand for each other, one does not speak for the others.
        if micros > crawlDelayMicros, chunk.hasOneHost { crawlDelayMicros = micros }
    }

    fileprivate mutating func add(status: Int, _ job: Job, askedMicros asked: Int) {
        if status == 429 || status >= 500, job.attempt == 1 { firstFailures += 1 }
        switch status {
        case 429, 503:
            refused += 1
            askedMicros = max(askedMicros, asked)
            message = "it answers \(status)"
        case 500...:
            broken += 1
            message = "it answers \(status)"
        // Jobs count, not attempts.
        case _ where DenialStreak.isDenial(status) && job.past.excused == 0:
            if denials.count == 0 { denials.status = UInt16(status) }
            if denials.status == status { denials.count += 1 }
        default: break
        }
    }

    fileprivate mutating func add(_ number: Cohort.Number, answered: Int) {
        guard isLatest(number) else { return }
        cohort.count += 1
        cohort.answered += answered
    }

    /// Takes in that a job of a cohort was no request.
    fileprivate mutating func addUnsent(_ number: Cohort.Number) {
        if isLatest(number) { cohort.unsent += 1 }
    }

    /// Whether a cohort is the latest so far. Earlier ones have been judged.
    private mutating func isLatest(_ number: Cohort.Number) -> Bool {
        if number > cohort.number { cohort = Cohort.Share(number: number) }
        return number == cohort.number
    }

    /// Those of `answered` that were answered well enough to show that the host works.
    var wellAnswered: Int { answered - refused - broken - cut }
}
