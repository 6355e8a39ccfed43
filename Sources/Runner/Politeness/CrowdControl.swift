/// Finds the number of requests in flight at which a host answers most. Pure.
///
/// A host begins with few. If these are not back soon, all workers are let in: it takes its time.
/// If they are, the number is doubled as long as the host does not answer fewer a second. From then
/// on, fewer are tried when fewer brought more answers a second before; what brings more is kept, in
/// small steps in the end. A host that merely takes its time, as long for one request as for a
/// thousand, so loses nothing but the moment of the beginning.
///
/// Hill climbing on answers a second, not on latency: a bound by latency alone (as in TCP Vegas)
/// gives hosts that are slow and not crowded too few requests (`docs/decisions/0014`).
struct CrowdControl: Sendable {
    /// The most requests in flight; `.max` where the host has shown no bound.
    private(set) var inFlightMax: Int
    /// The requests in flight that the host begins with.
    private let inFlightMaxFirst: Int
    /// The most requests in flight of the run.
    private let workers: Int
    private var phase = CrowdPhase.beginning(untilMicros: nil)
    private var levels = CrowdLevels()
    private var cohort: Cohort?
    /// The number of the latest cohort; the first is sent with the first request.
    private var number: Cohort.Number = 1
    /// The requests that have to end before the next cohort begins: those that were sent under
    /// another bound.
    private var unsettled = 0
    /// The steps to be tried from where it is.
    private var steps: [Double] = []
    /// The steps of the next round.
    private var nextSteps = Self.fineSteps
    /// The time in µs on the monotonic clock before which nothing is tried.
    private var nextTrialMicros = 0
    private var trialPauseMicros = Self.trialPauseMicrosMin
    /// The same where there is no bound, and none is known to be better.
    private var nextBlindMicros: Int?
    private var blindPauseMicros = 0

    /// - Parameters:
    ///   - inFlightMaxFirst: The requests in flight that the host begins with.
    ///   - workers: The most requests in flight of the run.
    init(inFlightMaxFirst: Int = Self.inFlightMaxFirst, workers: Int) {
        self.inFlightMaxFirst = inFlightMaxFirst
        self.workers = workers
        inFlightMax = inFlightMaxFirst
        if inFlightMax >= workers { (phase, inFlightMax) = (.steady, .max) }
    }

    /// The fewest requests in flight that may crowd the host.
    var inFlightMin: Int { min(Int(Self.crowdMin), inFlightMaxFirst) }

    /// The number that requests carry that are sent now; 0 for none.
    var cohortNumber: Cohort.Number {
        if let cohort { return cohort.isOpen ? cohort.number : 0 }
        if case .beginning(nil) = phase { return number }
        return 0
    }

    /// The time in µs on the monotonic clock when the bound changes without an answer; `nil` for
    /// never.
    var nextMicros: Int? {
        guard case .beginning(let until) = phase else { return nil }
        return until
    }

    /// Takes in that requests were sent, with the number that was `cohortNumber`.
    ///
    /// - Parameter inFlight: The requests in flight before.
    mutating func sent(_ count: Int, inFlight: Int, at now: Now) {
        guard count > 0 else { return }
        if case .beginning(nil) = phase {
            phase = .beginning(untilMicros: now.monotonicMicros + Self.beginningMicros)
            cohort = Cohort(
                number: number, countMin: inFlightMaxFirst,
                micros: Self.doublingMicros, at: now)
        }
        guard cohort?.isOpen == true else { return }
        cohort?.pass(to: now, inFlight: inFlight)
        cohort?.add(sent: count)
    }

    /// Takes in that requests ended.
    ///
    /// - Parameters:
    ///   - share: Those of them that belong to the latest cohort among them.
    ///   - inFlight: The requests in flight until now.
    mutating func ended(_ count: Int, _ share: Cohort.Share, inFlight: Int, at now: Now) {
        pass(to: now, inFlight: inFlight)
        unsettled -= min(count, unsettled)
        guard let number = cohort?.number else {
            if unsettled == 0, inFlight - count <= inFlightMax { beginCohort(at: now) }
            return
        }
        cohort?.pass(to: now, inFlight: inFlight)
        if share.number == number { cohort?.add(share) }
        judge(inFlight: inFlight, at: now)
    }

    /// Takes in that time has passed.
    ///
    /// - Parameter inFlight: The requests in flight until now.
    mutating func pass(to now: Now, inFlight: Int) {
        guard case .beginning(let until?) = phase, now.monotonicMicros >= until else { return }
        // A busy machine, ours or the host's, takes a moment for the first connections.
        if let cohort, cohort.isHalfBack, cohort.micros(at: now) < Self.beginningMicrosMax {
            phase = .beginning(untilMicros: until + Self.beginningMicros)
            return
        }
        // The first cohort stays: once it is back, it is known how long an answer takes.
        cohort?.pass(to: now, inFlight: inFlight)
        cohort?.close()
        (phase, inFlightMax, unsettled) = (.steady, .max, inFlight)
    }

    /// Takes in that nothing is sent for now, for no reason of the host's: the beginning, where it is
    /// not over, begins with the next request.
    mutating func pause() {
        guard case .beginning(_?) = phase else { return }
        (phase, cohort) = (.beginning(untilMicros: nil), nil)
        number += 1
    }

    /// Leaves out what is in flight, and the trial that goes on: it was not the host that kept
    /// requests from being answered.
    mutating func measureAnew() {
        // Nothing is left out of the beginning, which is over in a moment.
        if case .beginning = phase { return }
        if case .trying(let trial) = phase {
            (phase, inFlightMax) = (.steady, trial.inFlightMaxBefore)
            if trial.isDoubling { steps = Self.fineSteps }
        }
        (cohort, unsettled) = (nil, 0)
    }

    // MARK: - Judging

    private mutating func beginCohort(at now: Now) {
        number += 1
        let isDoubling = if case .trying(let trial) = phase { trial.isDoubling } else { false }
        cohort = Cohort(
            number: number, countMin: isDoubling ? inFlightMax : Self.countMin,
            micros: isDoubling ? Self.doublingMicros : Self.cohortMicros, at: now)
    }

    private mutating func judge(inFlight: Int, at now: Now) {
        guard let cohort else { return }
        let level = CrowdLevels.Level(inFlight: cohort.inFlight, perSecond: cohort.perSecond)
        let isSlow = cohort.latencyMicros >= Self.latencyMicrosMin
        // Where hardly anything was sent, nothing is learnt.
        let isKnown = level.inFlight >= 1 && level.perSecond.isFinite
        if cohort.isBack {
            self.cohort = nil
            if isKnown {
                judge(
                    level, isSlow: isSlow, latency: cohort.latencyMicros, inFlight: inFlight,
                    at: now)
            }
            if unsettled == 0, inFlight <= inFlightMax { beginCohort(at: now) }
        } else if cohort.sent >= Self.glanceMin, isSlow, isKnown {
            // It takes so long already that the rest makes no difference.
            glance(at: level, inFlight: inFlight, at: now)
        }
    }

    private mutating func glance(at level: CrowdLevels.Level, inFlight: Int, at now: Now) {
        switch phase {
        case .beginning: break
        case .steady:
            // The level is better than it will be once all are back.
            jump(
                from: level, Self.glancePart * Self.lossMin, gainMin: Self.glanceGainMin, inFlight,
                at: now)
        case .trying(let trial):
            if level.perSecond < Self.glancePart * trial.gainMin * trial.before.perSecond {
                giveUp(trial, level, inFlight: inFlight, at: now)
            }
        }
    }

    private mutating func judge(
        _ level: CrowdLevels.Level, isSlow: Bool, latency: Double, inFlight: Int, at now: Now
    ) {
        guard level.inFlight >= min(Self.crowdMin, Self.boundPart * Double(inFlightMax)),
            level.perSecond.isFinite
        else { return leaveOut(inFlight) }
        levels.note(level)
        switch phase {
        case .beginning:
            beginDoubling(from: level, inFlight, at: now)
        case .steady:
            judgeSteady(level, isSlow, latency, inFlight, at: now)
        case .trying(let trial):
            let least = trial.gainMin * trial.before.perSecond
            if level.perSecond >= least || trial.isDoubling && !isSlow {
                keep(trial, level, isSlow, inFlight, at: now)
            } else {
                giveUp(trial, level, inFlight: inFlight, at: now)
            }
        }
    }

    /// Learns nothing from a level: so few in flight, for want of jobs, crowd no host.
    private mutating func leaveOut(_ inFlight: Int) {
        switch phase {
        case .beginning: settle(.max, inFlight)
        case .steady: break
        case .trying(let trial):
            settle(trial.isDoubling ? .max : trial.inFlightMaxBefore, inFlight)
        }
    }

    private mutating func judgeSteady(
        _ level: CrowdLevels.Level, _ isSlow: Bool, _ latency: Double, _ inFlight: Int, at now: Now
    ) {
        if isSlow, jump(from: level, Self.lossMin, inFlight, at: now) { return }
        if inFlightMax == .max {
            tryBlindly(from: level, latency, inFlight, at: now)
        } else if level.inFlight >= Self.boundPart * Double(inFlightMax),
            now.monotonicMicros >= nextTrialMicros
        {
            // Fewer than that are not for want of the host.
            steps = nextSteps
            nextSteps = steps == Self.fineSteps ? Self.coarseSteps : Self.fineSteps
            tryNext(from: level, inFlight, at: now)
        }
    }

    /// Goes to a level with fewer in flight at which the host answered more.
    @discardableResult
    private mutating func jump(
        from level: CrowdLevels.Level, _ part: Double, gainMin: Double = Self.jumpGainMin,
        _ inFlight: Int, at now: Now
    ) -> Bool {
        guard now.monotonicMicros >= nextTrialMicros, level.inFlight >= Self.crowdMin,
            let better = levels.better(than: level, part: part)
        else { return false }
        begin(
            CrowdTrial(
                before: level, step: better.inFlight / level.inFlight,
                gainMin: gainMin, claimed: better.perSecond),
            inFlight, at: now)
        return true
    }

    /// Tries a few less without a reason: the first answers may have been slow, too.
    private mutating func tryBlindly(
        from level: CrowdLevels.Level, _ latency: Double, _ inFlight: Int, at now: Now
    ) {
        guard let next = nextBlindMicros else {
            blindPauseMicros = min(
                max(Int(Self.blindPauseLatencies * latency), Self.blindPauseMicrosMin),
                Self.blindPauseMicrosMax)
            nextBlindMicros = now.monotonicMicros + blindPauseMicros
            return
        }
        guard now.monotonicMicros >= next, level.inFlight >= Self.crowdMin,
            latency >= Self.blindLatencyMicrosMin
        else { return }
        blindPauseMicros *= 2
        nextBlindMicros = now.monotonicMicros + blindPauseMicros
        steps = [Self.fineSteps[1]]
        tryNext(from: level, inFlight, at: now)
    }

    private mutating func keep(
        _ trial: CrowdTrial, _ level: CrowdLevels.Level, _ isSlow: Bool, _ inFlight: Int,
        at now: Now
    ) {
        trialPauseMicros = Self.trialPauseMicrosMin
        phase = .steady
        nextTrialMicros = 0
        if isSlow, jump(from: level, Self.lossMin, inFlight, at: now) { return }
        if trial.isDoubling {
            beginDoubling(from: level, inFlight, at: now)
        } else if trial.claimed != nil {
            steps = Self.fineSteps
            tryNext(from: level, inFlight, at: now)
        } else {
            // On in the same direction, by more.
            let isFine = Self.fineSteps.contains(trial.step)
            steps = isFine ? [trial.step] : Self.fineSteps
            let step = min(max(trial.step * trial.step, 0.5), 2)
            begin(CrowdTrial(before: level, step: step), inFlight, at: now)
        }
    }

    private mutating func giveUp(
        _ trial: CrowdTrial, _ level: CrowdLevels.Level, inFlight: Int, at now: Now
    ) {
        levels.note(level)
        if let claimed = trial.claimed, claimed > level.perSecond {
            levels.lower(by: level.perSecond / claimed, below: trial.before.inFlight)
        }
        settle(trial.inFlightMaxBefore, inFlight)
        if trial.isDoubling {
            // That was judged by few requests: once more by many.
            nextSteps = Self.coarsestSteps
        } else if steps.isEmpty {
            nextTrialMicros = now.monotonicMicros + trialPauseMicros
            trialPauseMicros = min(2 * trialPauseMicros, Self.trialPauseMicrosMax)
        } else {
            tryNext(from: trial.before, inFlight, at: now)
        }
    }

    private mutating func beginDoubling(
        from level: CrowdLevels.Level, _ inFlight: Int, at now: Now
    ) {
        // The level may be below a bound that was not reached.
        let step = 2 * Double(inFlightMax) / level.inFlight
        begin(
            CrowdTrial(before: level, step: step, gainMin: Self.doublingGainMin, isDoubling: true),
            inFlight, at: now)
    }

    private mutating func tryNext(
        from level: CrowdLevels.Level, _ inFlight: Int, at now: Now
    ) {
        guard !steps.isEmpty else { return }
        let step = steps.removeFirst()
        // A bound that brings nothing costs us more than it helps the host.
        let gainMin = step == Self.coarseSteps[0] ? Self.coarseGainMin : Self.gainMin
        begin(CrowdTrial(before: level, step: step, gainMin: gainMin), inFlight, at: now)
    }

    private mutating func begin(_ trial: CrowdTrial, _ inFlight: Int, at now: Now) {
        var trial = trial
        trial.inFlightMaxBefore = inFlightMax
        let next = (trial.before.inFlight * trial.step).rounded(trial.step > 1 ? .up : .down)
        settle(max(1, Int(next)), inFlight)
        // With all workers in there is nothing to compare: fewer are tried again when they brought
        // more.
        if inFlightMax != .max { phase = .trying(trial) }
    }

    /// Sets the bound; what was sent under the old one is not judged.
    private mutating func settle(_ bound: Int, _ inFlight: Int) {
        (phase, inFlightMax, cohort) = (.steady, bound < workers ? bound : .max, nil)
        unsettled = Int(Self.settledPart * Double(inFlight))
    }
}
