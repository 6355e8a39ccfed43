extension JobFeed {
    /// The reason why a loop that asks for jobs gets fewer than it asks for.
    ///
    /// - Parameter inFlightMax: As in `take`.
    func shortage(inFlightMax: Int) -> Shortage {
        if isDraining { return .noJob }
        if pause.isOn { return .held }
        if isFullOfUnmarked || inFlight >= inFlightMax { return .disk }
        if workersLeft == 0 { return .held }
        if ready > 0 || machineTrouble != nil { return .held }
        if !wasDry { return .queue }
        return retrying > 0 ? .held : .noJob
    }

    /// Whether no more is started before jobs that have ended are marked.
    var isFullOfUnmarked: Bool {
        unmarked >= limits.unmarked || unmarkedBytes >= limits.unmarkedBytes
    }

    /// Whether nothing goes on until jobs that have ended are marked. Where others wait for their
    /// turn, by a rate or a delay, a commit for each that ends would have the disk write for each.
    var awaitsMarks: Bool { inFlight == 0 && (ready == 0 || isFullOfUnmarked || isDraining) }
}
