/// Wishes of people about the run that goes on.
extension SQLiteQueue {
    public func ask(_ limits: [String: String], of runner: Int) throws(QueueError) -> Int? {
        try write {
            // Within the transaction: what a runner that dies now leaves, the next one removes.
            guard isRunLive != false,
                try connection.int("SELECT 1 FROM runner WHERE id = ?", .int(runner)) != nil
            else { return nil }
            let last = try wishes(of: runner).wish
            guard last < .max else {
                throw damaged("runner \(runner) was asked for limits more often than is possible")
            }
            for (name, value) in limits {
                try connection.run(
                    """
                    INSERT OR REPLACE INTO wish (runner_id, name, value, number)
                    VALUES (?, ?, ?, ?)
                    """, .int(runner), .text(name), .text(value), .int(last + 1))
            }
            return last + 1
        }
    }

    func steering(of runner: Int) throws(QueueError) -> Steering {
        try check(runner)
        return try read {
            let paused = try connection.int(
                "SELECT 1 FROM setting WHERE name = ?", .text(Steering.pausedChoice))
            return try wishes(of: runner, isPaused: paused != nil)
        }
    }

    func took(wish number: Int, by runner: Int) throws(QueueError) {
        try check(runner)
        _ = try write {
            try connection.run(
                "UPDATE runner SET wishes_taken = ? WHERE id = ?", .int(number), .int(runner))
        }
    }

    /// The most limits that are read: far more than there are.
    private static let limitsMax = 64

    /// Reads the limits that a runner is asked for.
    func wishes(of runner: Int, isPaused: Bool = false) throws -> Steering {
        let rows = try connection.prepare(
            "SELECT name, value, number FROM wish WHERE runner_id = ? LIMIT ?")
        try rows.bind([.int(runner), .int(Self.limitsMax)])
        var limits: [String: String] = [:]
        var last = 0
        while try rows.step() {
            limits[rows.text(0)] = rows.text(1)
            last = max(last, rows.int(2))
        }
        return Steering(isPaused: isPaused, limits: limits, wish: last)
    }
}
