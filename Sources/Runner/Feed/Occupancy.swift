/// The time that jobs keep their workers, on average. By Little's law it is the sum, over the time,
/// of workers in use, by the number of jobs that ended. Pure.
struct Occupancy {
    /// The time in µs from which on a job is slow: longer than a quick one takes whose first packet
    /// was lost, which the kernel sends again after a second (RFC 6298, section 2.1).
    static let slowMicros = 2_000_000
    /// The number of ended jobs at which older ones begin to be forgotten.
    private static let endedMax = 32

    private var sinceMicros = 0
    private var workerMicros = 0
    private var ended = 0

    /// Takes in the time since the last call.
    ///
    /// - Parameter inFlight: The number of workers in use all that time.
    mutating func pass(to now: Now, inFlight: Int) {
        workerMicros += inFlight * max(0, now.monotonicMicros - sinceMicros)
        sinceMicros = now.monotonicMicros
    }

    mutating func ended(_ count: Int) {
        ended += count
        while ended >= Self.endedMax {
            ended /= 2
            workerMicros /= 2
        }
    }

    /// Whether a job takes as long as that, those that have not ended included.
    func isSlow(inFlight: Int) -> Bool {
        workerMicros >= Self.slowMicros * max(1, ended + inFlight)
    }
}
