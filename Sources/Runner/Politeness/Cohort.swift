/// Requests to one host that were sent within some time, and the time that their answers took. Pure.
///
/// Those that come back first are the quick ones. So requests are told apart by when they were sent:
/// each carries the number of its cohort, and the cohort is judged once nearly all are back.
struct Cohort: Sendable {
    typealias Number = UInt32

    /// The requests of a cohort among those that ended in a turn.
    struct Share: Sendable {
        /// The cohort's number; 0 for none.
        var number: Number = 0
        var count = 0
        /// Those that were answered well.
        var answered = 0
        /// Jobs that were handed out and turned out to be no requests; not in `count`.
        var unsent = 0
    }

    let number: Number
    /// The number of requests from which on no more are taken in.
    private let countMin: Int
    /// The shortest time in µs for which requests are taken in.
    private let micros: Int
    private let sinceMicros: Int
    private var passedMicros: Int
    /// Whether requests that are sent now belong to it.
    private(set) var isOpen = true
    private(set) var sent = 0
    private var ended = 0
    private var answered = 0
    /// The time in µs for which it was open.
    private var openMicros = 0
    /// The sum of the ages of its requests: at its end, for those that ended.
    private var ageMicros = 0.0
    /// The sum, over the time for which it was open, of the host's requests in flight.
    private var workerMicros = 0.0

    /// The longest time in µs for which requests are taken in.
    private static let openMicrosMax = 10_000_000
    /// The part of the requests that are waited for. A mean over all would wait for the last, and
    /// be at the mercy of a few.
    private static let endedPart = 0.95

    init(number: Number, countMin: Int, micros: Int, at now: Now) {
        self.number = number
        self.countMin = countMin
        self.micros = micros
        sinceMicros = now.monotonicMicros
        passedMicros = now.monotonicMicros
    }

    /// Takes in that time has passed.
    ///
    /// - Parameter inFlight: The host's requests in flight in all that time.
    mutating func pass(to now: Now, inFlight: Int) {
        let micros = now.monotonicMicros - passedMicros
        guard micros > 0 else { return }
        passedMicros = now.monotonicMicros
        ageMicros += Double(sent - ended) * Double(micros)
        guard isOpen else { return }
        workerMicros += Double(inFlight) * Double(micros)
        openMicros += micros
        isOpen =
            openMicros < self.micros || sent < countMin && openMicros < Self.openMicrosMax
    }

    mutating func add(sent count: Int) { sent += count }

    mutating func add(_ share: Share) {
        ended += share.count
        answered += share.answered
        sent = max(ended, sent - share.unsent)
    }

    /// Takes in no more requests.
    mutating func close() { isOpen = false }

    /// Whether nearly all of its requests have ended.
    var isBack: Bool { !isOpen && Double(ended) >= Self.endedPart * Double(sent) }
    var isHalfBack: Bool { 2 * ended >= sent }
    /// Returns the time in µs since the cohort began.
    func micros(at now: Now) -> Int { now.monotonicMicros - sinceMicros }
    /// The mean time in µs that its requests have taken, those included that are under way.
    var latencyMicros: Double { sent == 0 ? 0 : ageMicros / Double(sent) }
    /// The host's requests in flight, on average, while the cohort was sent.
    var inFlight: Double { openMicros == 0 ? 0 : workerMicros / Double(openMicros) }

    /// The good answers a second with so many in flight, by Little's law: as long as not all are
    /// back, the most that there can be.
    var perSecond: Double {
        guard latencyMicros > 0 else { return .infinity }
        let lost = Double(ended - answered) / Double(max(1, sent))
        return (1 - lost) * inFlight * 1_000_000 / latencyMicros
    }
}
