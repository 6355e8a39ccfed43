internal import JobStore

extension PostgresQueue {
    /// The place where the next look for spans to melt begins.
    struct MeltPlace {
        var batch = 0
        var stop = 0
    }

    /// The most spans that are looked at together.
    private static let meltMax = 20_000

    /// Makes one span of neighbours that have ended alike, in a part of the queue: finished segments
    /// become spans of their own, since a commit must not wait for its neighbour's. Leaves all as it
    /// is while others add or cancel.
    ///
    /// - Returns: The number of spans that are fewer now.
    @discardableResult
    func melt() throws(QueueError) -> Int {
        try write {
            let isAlone = try link.query("SELECT FROM runner.control FOR UPDATE SKIP LOCKED")
            guard isAlone.count == 1 else { return 0 }
            // The key is the end: of each run the last span stays, and begins where the first did.
            let result = try link.query(
                """
                WITH looked AS (
                    SELECT batch_id, first, stop, outcome FROM runner.span
                    WHERE (batch_id, stop) > ($2::bigint, $3::bigint)
                    ORDER BY batch_id, stop LIMIT $1),
                marked AS (
                    SELECT *, lag(stop) OVER w IS DISTINCT FROM first
                        OR lag(outcome) OVER w IS DISTINCT FROM outcome AS begins
                    FROM looked WHERE outcome > 0 WINDOW w AS (PARTITION BY batch_id ORDER BY stop)),
                numbered AS (
                    SELECT *, sum(begins::int) OVER (PARTITION BY batch_id ORDER BY stop) AS run
                    FROM marked),
                runs AS (
                    SELECT batch_id, min(first) AS first, max(stop) AS stop FROM numbered
                    GROUP BY batch_id, run HAVING count(*) > 1),
                gone AS (
                    DELETE FROM runner.span s USING runs r
                    WHERE s.batch_id = r.batch_id AND s.stop > r.first AND s.stop < r.stop
                        AND s.outcome > 0
                    RETURNING 1),
                kept AS (
                    UPDATE runner.span s SET first = r.first FROM runs r
                    WHERE s.batch_id = r.batch_id AND s.stop = r.stop)
                SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM looked),
                    last.batch_id, last.stop
                FROM (VALUES (1)) AS one LEFT JOIN
                    (SELECT batch_id, stop FROM looked ORDER BY batch_id DESC, stop DESC LIMIT 1)
                    AS last ON true
                """, .int(Self.meltMax), .int(meltPlace.batch), .int(meltPlace.stop))
            let isEnd = result.int(0, 1) < Self.meltMax
            meltPlace =
                isEnd ? MeltPlace() : MeltPlace(batch: result.int(0, 2), stop: result.int(0, 3))
            return result.int(0, 0)
        }
    }
}
