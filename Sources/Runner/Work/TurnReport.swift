internal import JobStore

/// What ended on one loop since it last told.
struct TurnReport {
    /// Attempts with an outcome.
    var finished = 0
    /// Bytes of output they stand for.
    var outputBytes = 0
    /// Jobs that are as if never tried.
    var givenBack: [Job] = []
    /// Attempts their host had a part in, however they ended.
    var answered = 0
    /// Attempts that could not reach the one host of their batch.
    var unreachable = 0
    /// Attempts this machine could not make; the last `errno`.
    var localError: Int32?

    var isEmpty: Bool { finished == 0 && givenBack.isEmpty }
    /// Whether it would open the breaker.
    var tripsBreaker: Bool { answered == 0 && unreachable > Breaker.threshold }

    /// Counts what a response says of its host and of this machine.
    mutating func add(_ response: Response, hasOneHost: Bool) {
        switch response.failure {
        case .local(let number): localError = number
        case .reason(.dns), .reason(.connect), .reason(.tls):
            if hasOneHost { unreachable += 1 }
        // A request that was sent before the network went down ends so, too.
        case .reason(.timeout), .reason(.other), .reason(.badURL), .cancelled, .unkept: break
        case .reason, nil: answered += 1
        }
    }
}
