public import JobStore

/// One rate for all runners: each has a share, which it alone changes.
///
/// A runner that is to have less sends less first and says so then; one that is to have more takes
/// what the others have left, under the lock of the rate. So the shares never add up to more than the
/// rate whatever is killed, stopped or lost in between; when the rate is lowered, they add up to less
/// from moment to moment. The share of a runner that is silent stays its own until the runner is taken
/// over, and by then it has stopped by itself (`RunnerLease.heldUntil`).
extension PostgresQueue {
    nonisolated public var sharesRate: Bool { true }

    // Asynchronous as the protocol's own, which the compiler would choose otherwise.
    public func setRate(perSecond: Double?) async throws(QueueError) {
        try change { try writeRate(perSecond) }
    }

    public func ratePerSecond() async throws(QueueError) -> Double? {
        try ask { try link.query("SELECT rate FROM runner.pace").real(0, 0) }
    }

    private func writeRate(_ perSecond: Double?) throws {
        try link.query(
            "UPDATE runner.pace SET rate = $1 WHERE rate IS DISTINCT FROM $1::float8",
            perSecond.map(Value.real) ?? .null)
    }

    /// Takes in the rate that a runner comes with, before its row is there: that of the first one
    /// holds, or any number where it names none; then that which was named last.
    ///
    /// - Returns: The share that the runner begins with: none of a rate, or any number.
    func beginShare(of runner: RunnerDescription) throws -> Double {
        // Whoever sets another rate now waits, and then finds this runner's row.
        let before = try link.query(
            "SELECT rate, EXISTS (SELECT FROM runner.runner) FROM runner.pace FOR UPDATE")
        let isFirst = !before.bool(0, 1)
        guard isFirst || runner.rate != nil && !runner.isReturning else {
            return before.isNull(0, 0) ? .infinity : 0
        }
        try writeRate(runner.rate)
        return runner.rate == nil ? .infinity : 0
    }

    /// Below this number of requests a second a runner has nothing to do with a share: turns would
    /// be more than ten seconds apart.
    private static let shareMin = 0.1
    /// The part of its share by which a runner's grows at least, since each growth is a commit.
    private static let growthMin = 0.01

    /// Says what a runner has and wants, and lets it have more where there is more.
    ///
    /// - Returns: The share that the runner is to have, as `RunnerLease.share` says.
    func share(
        _ claim: RateClaim, of runner: Int, next pause: Duration
    ) throws(QueueError) -> RateShare {
        let state = try ask { try readShare(of: runner) }
        if state.share > claim.kept || state.wanted != claim.wanted {
            _ = try ask {
                try link.query(
                    """
                    UPDATE runner.runner SET share = least(share, $2), wanted = $3
                    WHERE id = $1 AND share = $4
                    """, .int(runner), .real(claim.kept), .real(claim.wanted),
                    // One that comes late, after a connection broke, is to change nothing.
                    .real(state.share))
            }
        }
        let share =
            state.aim > claim.kept
            ? try grow(from: claim.kept, to: state.aim, runner) : state.aim
        return RateShare(perSecond: share, isWhole: share >= state.rate, next: pause)
    }

    /// The rate as a runner finds it, infinite for none.
    private struct ShareState {
        let rate: Double
        /// The share and the wants of the runner by its row.
        let share: Double
        let wanted: Double
        /// The share that the runner is to have.
        let aim: Double
    }

    /// Reads the rate, and works out a runner's share of it.
    ///
    /// All have the same, but those that want less, whose rest is the others'. Of a low rate a few
    /// have all.
    private func readShare(of runner: Int) throws -> ShareState {
        // LIMIT tells that there is one row: of a table without statistics the server expects thousands,
        // and compiles the statement for half a second.
        //
        // With the wants in order, the level at which all of the rate is given away is the highest
        // of those at which one runner, and all that want more, have the same.
        let rows = try link.query(
            """
            WITH pace AS (SELECT rate FROM runner.pace LIMIT 1),
            ranked AS (
                SELECT id, wanted, rate,
                    row_number() OVER (ORDER BY wanted = 0, id) AS place
                FROM runner.runner, pace WHERE rate IS NOT NULL),
            holder AS (
                SELECT id, wanted, rate FROM ranked
                WHERE place <= greatest(1, floor(rate / $2::float8))),
            level AS (
                SELECT max((rate - coalesce(before, 0)) / (total - place + 1)) AS most FROM (
                    SELECT rate, count(*) OVER () AS total,
                        row_number() OVER by_want AS place,
                        sum(wanted) OVER (by_want
                            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
                    FROM holder WINDOW by_want AS (ORDER BY wanted, id)) AS steps)
            SELECT r.share, r.wanted, CASE WHEN p.rate IS NULL THEN 'Infinity'
                ELSE coalesce((SELECT least(h.wanted, l.most) FROM holder h, level l
                    WHERE h.id = r.id), 0) END,
                coalesce(p.rate, 'Infinity')
            FROM runner.runner r, pace p WHERE r.id = $1
            """, .int(runner), .real(Self.shareMin))
        guard rows.count == 1, let share = rows.real(0, 0), let wanted = rows.real(0, 1),
            let aim = rows.real(0, 2), let rate = rows.real(0, 3)
        else { throw fenced("its runner is no longer registered") }
        return ShareState(rate: rate, share: share, wanted: wanted, aim: max(0, aim))
    }

    /// Takes of the rate what others have left, up to an aim.
    private func grow(
        from kept: Double, to aim: Double, _ runner: Int
    ) throws(QueueError) -> Double {
        // Most of the time there is nothing: no lock for that.
        guard try ask({ try room(beside: runner) }) > kept else { return kept }
        return try write {
            try link.query("SELECT FROM runner.pace FOR UPDATE")
            // In a statement of its own, which sees what was written before the lock was had.
            let share = min(aim, try room(beside: runner))
            guard share >= kept + Self.growthMin * (aim - kept), share > kept else { return kept }
            let touched = try link.query(
                "UPDATE runner.runner SET share = $2 WHERE id = $1", .int(runner), .real(share)
            ).touched
            guard touched == 1 else { throw fenced("its runner is no longer registered") }
            return share
        }
    }

    /// The part of the rate that all other runners leave.
    private func room(beside runner: Int) throws -> Double {
        let rows = try link.query(
            """
            SELECT coalesce(rate, 'Infinity'),
                (SELECT coalesce(sum(share), 0) FROM runner.runner WHERE id <> $1)
            FROM runner.pace
            """, .int(runner))
        guard let rate = rows.real(0, 0), let others = rows.real(0, 1) else { return 0 }
        return rate == .infinity ? rate : max(0, rate - others)
    }
}
