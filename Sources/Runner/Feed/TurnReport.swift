internal import JobStore

/// The attempts that ended on one loop since its last report.
struct TurnReport {
    /// Attempts with an outcome.
    private(set) var finished = 0
    /// Bytes of output that belong to the attempts in `finished`.
    var outputBytes = 0
    /// Jobs that count as never tried.
    private(set) var givenBack: [Job] = []
    /// The `errno` of the last attempt that this machine could not make; `nil` when there was none.
    private(set) var localError: Int32?
    /// The reports by host.
    private(set) var lanes: [LaneReport] = []

    /// The ended attempts of one host's jobs.
    struct LaneReport {
        /// One of the host's batches.
        let batch: RunningBatch
        var id: LaneID { batch.laneID }
        /// Attempts that ended, whatever became of them.
        fileprivate(set) var ended = 0
        /// Attempts in which the host had a part, however they ended.
        fileprivate(set) var answered = 0
        /// Attempts that could not reach the host.
        fileprivate(set) var unreachable = 0
        /// The message of the last attempt that could not reach the host.
        fileprivate(set) var message = ""
        /// Attempts that this machine could not make.
        fileprivate(set) var local = 0
    }

    var isEmpty: Bool { finished == 0 && givenBack.isEmpty }
    /// Whether anything at all got through.
    var isAnswered: Bool { lanes.contains { $0.answered > 0 } }

    /// Whether the failures in this turn, without the latest, would trip the breaker of a host.
    func trips(_ lane: LaneID) -> Bool {
        lanes.contains {
            $0.id == lane && $0.answered == 0 && $0.unreachable > Breaker.threshold
        }
    }

    /// Counts what a response says about its host and about this machine.
    mutating func add(_ response: Response, of batch: RunningBatch) {
        let index = index(of: batch)
        lanes[index].ended += 1
        // The job's own host has answered, whatever became of the host it led to.
        if response.redirects > 0, response.failure != .cancelled, response.failure != .unkept {
            lanes[index].answered += 1
        }
        switch response.failure {
        case .local(let number):
            localError = number
            lanes[index].local += 1
        case .reason(.dns), .reason(.connect), .reason(.tls):
            guard batch.hasOneHost, response.redirects == 0 else { break }
            lanes[index].unreachable += 1
            lanes[index].message = response.message
        // A request that was sent before the network went down ends so, too.
        case .reason(.timeout), .reason(.other), .reason(.badURL), .cancelled, .unkept: break
        case .reason, nil: lanes[index].answered += 1
        }
    }

    mutating func finish() { finished += 1 }
    mutating func giveBack(_ job: Job) { givenBack.append(job) }

    private mutating func index(of batch: RunningBatch) -> Int {
        if let index = lanes.firstIndex(where: { $0.id == batch.laneID }) { return index }
        lanes.append(LaneReport(batch: batch))
        return lanes.count - 1
    }
}
