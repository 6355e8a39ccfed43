internal import JobStore

/// The pace of a host that was learnt before.
struct KnownPace: Equatable, Sendable {
    /// The time in µs on the monotonic clock until which the host is left alone; 0 for none.
    var untilMicros: Int
    /// The requests a second that the host takes; `nil` where it has shown no bound.
    var perSecond: Double?
}

/// The paces of hosts without jobs at present: those that the queue remembers, and those of this
/// run. Pure.
struct KnownPaces: Sendable {
    private var paces: [HostKey: KnownPace] = [:]
    /// The turn of the run's next request, in µs on the monotonic clock, as an earlier run has left
    /// it; 0 for none.
    private(set) var runUntilMicros = 0
    /// The most paces that are remembered. When there are more, all are forgotten: their hosts are
    /// asked as new ones.
    static let countMax = 2 * HostPace.countMax

    init() {}

    /// - Parameter hosts: The paces that the queue remembers.
    init(_ hosts: [HostPace], at now: Now) {
        for host in hosts {
            let isHeld = host.wait > .zero
            if host.isOfRun {
                runUntilMicros = now.monotonicMicros + host.wait.microseconds
                continue
            }
            paces[HostKey(of: host.host)] = KnownPace(
                untilMicros: isHeld ? now.monotonicMicros + host.wait.microseconds : 0,
                perSecond: host.requestsPerSecond)
        }
    }

    mutating func take(_ host: HostKey) -> KnownPace? {
        paces.isEmpty ? nil : paces.removeValue(forKey: host)
    }

    mutating func keep(_ pace: KnownPace, of host: HostKey) {
        if paces.count >= Self.countMax { paces.removeAll() }
        paces[host] = pace
    }
}
