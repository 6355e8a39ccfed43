internal import JobStore

/// The jobs that a claim may lease, and the runner that they are leased to.
struct ClaimScope {
    let runner: Int
    let claim: Int
    /// As `ClaimRequest.segmentJobsMax`.
    let segmentJobsMax: Int
    private let skippedBatches: Value
    private let only: Value
    private let lanes: (batches: Value, numbers: Value)

    /// - Parameter claim: The number of the claim among those of the runner.
    init(_ request: ClaimRequest, only: Batch.ID?, _ runner: Int, _ claim: Int) {
        skippedBatches = .ints(request.skippedBatches.sorted())
        self.only = Value(only)
        let skipped = Array(request.skippedLanes)
        lanes = (.ints(skipped.map(\.batchID)), .ints(skipped.map(\.number)))
        (self.runner, self.claim) = (runner, claim)
        segmentJobsMax = request.segmentJobsMax
    }

    /// The parameters `$1` to `$6` of a statement.
    var values: [Value] {
        [skippedBatches, only, lanes.batches, lanes.numbers, .int(runner), .int(claim)]
    }

    /// The condition on a row's batch. It names all parameters but the runner, whose types the server
    /// must be able to tell in each statement.
    static let condition = """
        batch_id <> ALL($1::bigint[]) AND ($2::bigint IS NULL OR batch_id = $2)
            AND $3::bigint[] IS NOT NULL AND $4::int[] IS NOT NULL AND $6::bigint IS NOT NULL
        """

    /// Says of a row with a batch and a lane that no other runner works on the lane.
    ///
    /// - Parameter row: The name of the row's table in the statement.
    static func isFree(_ row: String) -> String {
        """
        NOT EXISTS (SELECT FROM runner.segment h
            WHERE h.batch_id = \(row).batch_id AND h.lane = \(row).lane
                AND h.runner_id <> 0 AND h.runner_id <> $5::bigint)
        """
    }

    /// The condition on a row `l` of `lane` that its blocks may be claimed.
    static let hasBlocks = """
        l.jobs > 0 AND \(condition) AND NOT EXISTS (
            SELECT FROM unnest($3::bigint[], $4::int[]) AS k(b, n)
            WHERE k.b = l.batch_id AND k.n = l.lane)
        """
}
