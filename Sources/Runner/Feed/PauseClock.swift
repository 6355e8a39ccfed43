/// The time for which a run was paused. Pure.
struct PauseClock: Sendable {
    /// The time in µs on the monotonic clock when the pause began; `nil` when there is none.
    private(set) var sinceMicros: Int?
    /// The length of all earlier pauses.
    private var totalMicros = 0

    var isOn: Bool { sinceMicros != nil }

    mutating func begin(at now: Now) { sinceMicros = sinceMicros ?? now.monotonicMicros }

    mutating func end(at now: Now) {
        totalMicros += sinceMicros.map { now.monotonicMicros - $0 } ?? 0
        sinceMicros = nil
    }

    /// Returns a time by a clock that stands still while the run is paused.
    func unpaused(_ now: Now) -> Now {
        var now = now
        now.monotonicMicros = min(now.monotonicMicros, sinceMicros ?? .max) - totalMicros
        return now
    }
}
