internal import JobStore

/// The heartbeats of other runners as one process has seen them. Pure.
///
/// A runner is dead when its heartbeat has stood still for a lease while this process was looking,
/// by the server's clock and by its own. Nobody judges by what it has not seen: after the server was
/// away for longer than a lease, all runners are old, and none is dead.
struct RunnerWatch {
    private struct Sight {
        let beatMicros: Int
        let serverMicros: Int
        let monotonicMicros: Int
    }

    /// The time in µs for which the heartbeat of a runner may stand still.
    static let leaseMicros = 30_000_000
    var leaseMicros = Self.leaseMicros
    private var sights: [Int: Sight] = [:]
    private var connectedSinceMicros: Int?

    /// Takes in heartbeats that were read just now.
    ///
    /// - Parameters:
    ///   - beats: The last heartbeat of each runner, in µs.
    ///   - serverMicros: The server's clock.
    ///   - connectedSinceMicros: The time on the monotonic clock since which the connection has not
    ///     broken.
    /// - Returns: The runners that are dead.
    mutating func look(
        at beats: [(runner: Int, beatMicros: Int)], serverMicros: Int, monotonicMicros: Int,
        connectedSinceMicros: Int?
    ) -> [Int] {
        if connectedSinceMicros != self.connectedSinceMicros { sights = [:] }
        self.connectedSinceMicros = connectedSinceMicros
        var seen: [Int: Sight] = [:]
        var dead: [Int] = []
        for (runner, beat) in beats {
            guard let before = sights[runner], before.beatMicros == beat else {
                seen[runner] = Sight(
                    beatMicros: beat, serverMicros: serverMicros, monotonicMicros: monotonicMicros)
                continue
            }
            seen[runner] = before
            if serverMicros - before.serverMicros >= leaseMicros,
                monotonicMicros - before.monotonicMicros >= leaseMicros
            {
                dead.append(runner)
            }
        }
        sights = seen
        return dead
    }
}
