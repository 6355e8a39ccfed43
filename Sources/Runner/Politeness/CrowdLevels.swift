/// The answers a second of a host, by its requests in flight, as far as they are known. Pure.
struct CrowdLevels: Sendable {
    struct Level: Sendable {
        /// The requests in flight, on average.
        var inFlight: Double
        /// The good answers a second.
        var perSecond: Double
    }

    private var levels: [Level] = []
    private static let countMax = 12
    /// Levels nearer than this part to each other are one.
    private static let nearness = 0.05

    /// Takes in a level, in place of what was known of it.
    mutating func note(_ level: Level) {
        levels.removeAll { abs($0.inFlight - level.inFlight) <= Self.nearness * level.inFlight }
        if levels.count >= Self.countMax,
            let least = levels.indices.min(by: { levels[$0].perSecond < levels[$1].perSecond })
        {
            levels.remove(at: least)
        }
        levels.append(level)
    }

    /// Returns the best of the levels with fewer in flight at which the host answered more.
    ///
    /// - Parameter part: `level` has to be below this part of the other.
    func better(than level: Level, part: Double) -> Level? {
        levels.filter {
            $0.inFlight < (1 - Self.nearness) * level.inFlight
                && level.perSecond < part * $0.perSecond
        }.max { $0.perSecond < $1.perSecond }
    }

    /// Takes in that a level has answered so much less than was known of it: those below will, too.
    mutating func lower(by part: Double, below inFlight: Double) {
        for index in levels.indices where levels[index].inFlight < inFlight {
            levels[index].perSecond *= part
        }
    }
}
