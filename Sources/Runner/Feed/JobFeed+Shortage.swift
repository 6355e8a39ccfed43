extension JobFeed {
    /// The reason why a loop that asks for jobs gets fewer than it asks for.
    ///
    /// - Parameter inFlightMax: As in `take`.
    func shortage(inFlightMax: Int) -> Shortage {
        if isDraining { return .noJob }
        if pause.isOn { return .held }
        if unmarked >= limits.unmarked || unmarkedBytes >= limits.unmarkedBytes
            || inFlight >= inFlightMax
        {
            return .disk
        }
        if workersLeft == 0 { return .held }
        if ready > 0 || machineTrouble != nil { return .held }
        if !wasDry { return .queue }
        return retrying > 0 ? .held : .noJob
    }
}
