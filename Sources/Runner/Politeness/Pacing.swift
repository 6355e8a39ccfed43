internal import JobStore

/// The pace of one host's requests: what the user allows, and what the host takes. Pure.
struct Pacing: Sendable {
    /// The rate and delay that the user allows; `nil` where there is no such limit.
    @Apart private var rate: RateBucket?
    @Apart private var delay: RateBucket?
    /// The value of `delay` before the last request.
    @Apart private var delayBefore: RateBucket?
    private var delayMicros: Double
    /// The delay in µs that the host's robots.txt asks for, as far as it is known; 0 for none.
    private var crawlDelayMicros = 0.0
    /// Whether the delay that robots.txt asks for is known, and kept.
    private(set) var keepsCrawlDelay = false
    /// The rate that the host takes; `nil` where it has shown no bound.
    @Apart private var control: RateControl?
    @Apart private var controlled: RateBucket?
    /// The search for the requests in flight that the host takes; `nil` while there were too few to
    /// crowd it.
    @Apart private var crowd: CrowdControl?
    /// The search as it begins; `nil` for none.
    @Apart private var crowdFirst: CrowdControl?
    private let adapts: Bool
    private var refusals = Refusals()
    /// Whether the pace has changed since it was last kept in the queue.
    private(set) var isChanged = false
    /// Whether requests are held back for no reason of the host's.
    private var isPaused = false

    /// - Parameter crowd: Bounds the requests in flight; `nil` for as many as the user allows.
    init(
        _ limits: HostLimits = HostLimits(), adapts: Bool = true,
        crowd: Apart<CrowdControl> = Apart()
    ) {
        rate = limits.rate.map { RateBucket(intervalMicros: $0.intervalMicros) }
        delayMicros = Double(limits.delay?.microseconds ?? 0)
        delay = delayMicros > 0 ? RateBucket(intervalMicros: delayMicros) : nil
        self.adapts = adapts
        _crowdFirst = adapts ? crowd : Apart()
    }

    /// Whether the pace of the host has a bound now.
    var isBound: Bool { rate != nil || delay != nil || controlled != nil }
    /// The most requests in flight that the host takes.
    var inFlightMax: Int { crowd?.inFlightMax ?? crowdFirst?.inFlightMax ?? .max }
    /// The number that requests carry that are sent now; 0 for none.
    var cohortNumber: Cohort.Number { crowd?.cohortNumber ?? 0 }
    /// The time in µs on the monotonic clock when `inFlightMax` changes without an answer; `nil` for
    /// never.
    var crowdMicros: Int? { crowd?.nextMicros }
    /// Whether the host refuses most of what it is asked.
    var isPushingBack: Bool { refusals.areMost }
    /// The requests a second that the host takes; `nil` where it has shown no bound.
    var perSecond: Double? { control?.perSecond }

    /// The requests a second that the host takes, or that the user allows it; `nil` for any number.
    var perSecondMax: Double? {
        [rate, delay, controlled].compactMap { $0.map { 1_000_000 / $0.intervalMicros } }.min()
    }

    /// Returns the number of requests, `limit` at most, that may go out now.
    func allowed(_ limit: Int, at now: Now) -> Int {
        guard isBound else { return limit }
        var allowed = limit
        if let rate { allowed = min(allowed, rate.allowed(allowed, at: now)) }
        // Each has a delay of its own.
        if let delay { allowed = min(allowed, delay.allowed(1, at: now)) }
        if let controlled { allowed = min(allowed, controlled.allowed(allowed, at: now)) }
        return allowed
    }

    /// The time in µs on the monotonic clock when the next request may go out, perhaps in the past.
    var nextMicros: Int {
        max(rate?.nextMicros ?? 0, delay?.nextMicros ?? 0, controlled?.nextMicros ?? 0)
    }

    /// The number of requests that may go out within a second.
    var soon: Int {
        let intervals = [rate, delay, controlled].compactMap { $0?.intervalMicros }
        guard let longest = intervals.max() else { return .max }
        return max(1, Int(min(1_000_000 / longest, 1e9)))
    }

    /// Begins to look for the requests in flight that the host takes, if so many may crowd it.
    mutating func expect(inFlight: Int) {
        guard crowd == nil, let first = crowdFirst, inFlight >= first.inFlightMin else { return }
        _crowd = _crowdFirst
    }

    /// Takes in that requests were sent, with the number that was `cohortNumber`.
    ///
    /// - Parameter inFlight: The host's requests in flight before.
    mutating func sent(_ count: Int, inFlight: Int, at now: Now) {
        crowd?.sent(count, inFlight: inFlight, at: now)
        guard isBound, count > 0 else { return }
        rate?.sent(count, at: now)
        controlled?.sent(count, at: now)
        delayBefore = delay
        waitADelay(at: now)
    }

    /// Takes in that a request goes out now, or just did.
    mutating func waitADelay(at now: Now) {
        guard delay != nil else { return }
        delay = RateBucket(
            intervalMicros: delayMicros,
            turnMicros: now.monotonicMicros + Int(delayMicros * .random(in: 0.5...1.5)))
    }

    /// Takes in that some of those that went out a moment ago were no requests after all.
    mutating func giveBack(_ count: Int) {
        rate?.giveBack(count)
        controlled?.giveBack(count)
        // Of those that keep a delay there was one.
        if let delayBefore { delay = delayBefore }
        delayBefore = nil
    }

    /// Takes in that requests ended.
    ///
    /// - Parameters:
    ///   - answered: Those that the host answered, refusals left out.
    ///   - refused: Those that it refused: 429 and 503.
    mutating func ended(answered: Int, refused: Int, at now: Now) {
        guard adapts else { return }
        refusals.add(answered: answered, refused: refused, at: now)
        guard !isPaused, control?.add(answered: answered, refused: refused, at: now) == true else {
            return
        }
        follow(at: now)
    }

    /// Takes in that requests ended, however they did.
    ///
    /// - Parameters:
    ///   - cohort: Those of them that belong to the latest cohort among them.
    ///   - inFlight: The host's requests in flight until now.
    mutating func ended(_ count: Int, _ cohort: Cohort.Share, inFlight: Int, at now: Now) {
        if !isPaused { crowd?.ended(count, cohort, inFlight: inFlight, at: now) }
    }

    /// Takes in that time has passed.
    ///
    /// - Parameter inFlight: The host's requests in flight until now.
    mutating func pass(to now: Now, inFlight: Int) { crowd?.pass(to: now, inFlight: inFlight) }

    /// Takes in that the host is left alone until a time, since it refused most of what it was
    /// asked.
    mutating func tripped(untilMicros: Int, at now: Now) {
        isChanged = true
        if control == nil {
            control = RateControl(refusals.estimate(restUntilMicros: untilMicros))
        } else {
            control?.tripped(restUntilMicros: untilMicros, at: now)
        }
        refusals = Refusals()
        follow(at: now)
    }

    /// Takes in that a first request was answered again.
    mutating func recovered(at now: Now) { refusals = Refusals() }

    /// Goes on at the pace that an earlier run has left.
    mutating func resume(perSecond: Double, at now: Now) {
        guard adapts else { return }
        control = RateControl(perSecond: perSecond, at: now)
        follow(at: now)
    }

    /// Takes in that the host wants at least so much time between two requests, as robots.txt says.
    /// The host has just been asked: for that file, or for what the file allows.
    mutating func slowDown(toDelayMicros micros: Int, at now: Now) {
        keepsCrawlDelay = true
        crawlDelayMicros = max(crawlDelayMicros, Double(micros))
        guard Double(micros) > delayMicros else { return }
        delayMicros = Double(micros)
        delay = RateBucket(intervalMicros: delayMicros)
        delayBefore = nil
        waitADelay(at: now)
    }

    /// Takes in that requests are held back for no reason of the host's, or go out again. What is
    /// answered meanwhile says nothing of how much the host takes.
    mutating func setPaused(_ isPaused: Bool, at now: Now) {
        self.isPaused = isPaused
        if isPaused { crowd?.pause() } else { measureAnew(at: now) }
    }

    /// Keeps to other limits of the user's from now on, as far as they change.
    mutating func keep(to limits: HostLimits, _ change: LimitChange, at now: Now) {
        if change.hostRate != nil { rate.keep(to: limits.rate, at: now) }
        if change.delay != nil { keep(toDelay: limits.delay, at: now) }
        measureAnew(at: now)
    }

    /// Keeps to another delay of the user's, but for that which robots.txt asks for. The next request
    /// has its turn still, unless the new delay is over sooner.
    private mutating func keep(toDelay wanted: Duration?, at now: Now) {
        let micros = max(Double(wanted?.microseconds ?? 0), crawlDelayMicros)
        delayMicros = micros
        delayBefore = nil
        guard micros > 0 else {
            delay = nil
            return
        }
        if delay == nil {
            delay = RateBucket(intervalMicros: micros, turnMicros: now.monotonicMicros)
        } else {
            delay?.change(intervalMicros: micros, at: now)
        }
    }

    private mutating func measureAnew(at now: Now) {
        crowd?.measureAnew()
        control?.measureAnew(at: now)
        refusals.measureAnew()
    }

    /// Takes in that something is to be kept in the queue.
    mutating func changed() { isChanged = true }

    /// Takes in that the pace is being kept in the queue.
    mutating func kept() { isChanged = false }

    private mutating func follow(at now: Now) {
        isChanged = true
        guard let control, !control.isFree else {
            (self.control, controlled) = (nil, nil)
            return
        }
        let intervalMicros = 1_000_000 / control.perSecond
        if controlled == nil {
            controlled = RateBucket(
                intervalMicros: intervalMicros, turnMicros: now.monotonicMicros)
        } else {
            controlled?.change(intervalMicros: intervalMicros, at: now)
        }
    }
}

/// The last answers of a host: how many of them were refusals, and how fast the others came.
private struct Refusals: Sendable {
    /// The number of last answers that count.
    private static let countMax = 50.0
    /// The fewest answers that tell something.
    private static let countMin = 10.0
    private static let windowMicros = 1_000_000

    private var answers = 0.0
    private var refused = 0.0
    /// The answers since a time, for the rate.
    private var sinceMicros: Int?
    private var answered = 0

    mutating func add(answered: Int, refused: Int, at now: Now) {
        let age = sinceMicros.map { now.monotonicMicros - $0 } ?? .max
        if sinceMicros == nil || age > Self.windowMicros && refused == 0 {
            sinceMicros = now.monotonicMicros
            self.answered = 0
        }
        self.answered += answered
        answers += Double(answered + refused)
        self.refused += Double(refused)
        guard answers > Self.countMax else { return }
        self.refused *= Self.countMax / answers
        answers = Self.countMax
    }

    /// Counts answers for the rate from the next one on.
    mutating func measureAnew() { sinceMicros = nil }

    /// Whether the host refuses at least half of what it is asked.
    var areMost: Bool { answers >= Self.countMin && 2 * refused >= answers }

    /// The answers of the last second, for the rate that the host takes.
    func estimate(restUntilMicros: Int) -> RateControl.Estimate {
        RateControl.Estimate(
            answered: answered, sinceMicros: sinceMicros ?? restUntilMicros,
            restUntilMicros: restUntilMicros)
    }
}
