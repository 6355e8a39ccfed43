/// A number of requests in flight to one host that is tried.
struct CrowdTrial: Sendable {
    /// The bound before.
    var inFlightMaxBefore = Int.max
    /// The level before.
    var before: CrowdLevels.Level
    /// The step from the level before to this one.
    var step: Double
    /// The least that it has to bring, by the answers a second before.
    var gainMin = CrowdControl.gainMin
    /// Whether it belongs to the beginning: more are kept unless they harm.
    var isDoubling = false
    /// The answers a second that it had brought earlier; `nil` when it was not tried before.
    var claimed: Double?
}

/// The state of the search.
enum CrowdPhase: Sendable {
    /// The first cohort is under way. All workers are let in at a time, `nil` before the first
    /// request.
    case beginning(untilMicros: Int?)
    /// The bound holds, or there is none.
    case steady
    case trying(CrowdTrial)
}
