internal import JobStore

/// The paces of hosts without a lane, and the changes of paces that the queue does not know yet.
/// Pure.
struct LanePaces {
    private var known: KnownPaces
    /// Lanes whose pace has changed and is not kept in the queue.
    private var changed: Set<Host.ID> = []
    /// The same of lanes that are no more.
    private var left: [HostPace] = []

    init(_ known: KnownPaces) { self.known = known }

    /// Takes the pace of a host that gets a lane; `nil` when none is known.
    mutating func takeKnown(_ host: HostKey) -> KnownPace? { known.take(host) }

    /// Takes in that the pace of a lane has changed.
    mutating func noteChange(of id: Host.ID) { changed.insert(id) }

    /// Keeps the pace of a lane that is no more.
    mutating func keep(of lane: Lane, _ id: Host.ID) {
        if let perSecond = lane.pacing.perSecond {
            known.keep(KnownPace(untilMicros: 0, perSecond: perSecond), of: lane.host.key)
        }
        if changed.remove(id) != nil { left.append(lane.hostPace(at: nil)) }
    }

    /// Takes the lanes whose pace has changed since the last call, and the paces of such that are no
    /// more.
    mutating func takeChanged() -> (lanes: Set<Host.ID>, left: [HostPace]) {
        defer { (changed, left) = ([], []) }
        return (changed, left)
    }
}
