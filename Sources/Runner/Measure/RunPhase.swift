/// The thing that a run does with its time.
public enum RunPhase: String, Codable, Sendable, CaseIterable {
    /// Requests go out.
    case running
    /// People have held it back.
    case paused
    /// Hosts, or this machine, are out of reach, and there is nothing else to do.
    case stalled
    /// There is nothing to do before the next retry is due.
    case waiting
    /// It was asked to stop, and lets requests in flight end.
    case stopping
}
