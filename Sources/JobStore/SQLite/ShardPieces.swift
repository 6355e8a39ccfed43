/// Pieces of batches, as the larger batches that they are pieces of.
extension SQLiteQueue {
    /// The batches as pieces of those of the larger queue.
    func pieces(
        ofShard index: Int
    ) throws(QueueError) -> [(Batch.ID, ShardLedger.Piece)] {
        try read {
            var pieces: [(Batch.ID, ShardLedger.Piece)] = []
            try forEachBatch { row in
                let whole = row.whole ?? WholeBatch(first: 0, count: row.batch.count)
                pieces.append(
                    (
                        row.batch.id,
                        .init(
                            shard: index, first: whole.first, count: row.batch.count,
                            wholeCount: whole.count)
                    ))
            }
            return pieces
        }
    }

    /// - Parameter includesCarried: Whether those of the larger queue are told of, too.
    func sitesOfShard(includesCarried: Bool) throws(QueueError) -> [Site] {
        try read {
            let rows = try connection.prepare(
                "SELECT id FROM site WHERE is_carried <= ? ORDER BY is_carried DESC, id")
            try rows.bind([.int(includesCarried ? 1 : 0)])
            var sites: [Site] = []
            while try rows.step() { sites.append(Site(id: rows.int(0))) }
            return sites + [.only]
        }
    }

    func unrecordedOfShard() throws(QueueError) -> Int {
        try read {
            try unrecordedCount().addingReportingOverflow(try keptShard()?.unrecorded ?? 0)
                .partialValue
        }
    }
}

extension ShardLedger.Piece {
    /// The larger batch of a piece.
    func whole(of batch: Batch) -> Batch {
        switch batch.source {
        case .range(let range, let request):
            let whole = JobRange(
                first: range.first - first * range.step, count: wholeCount, step: range.step)
            return Batch(id: batch.id, source: .range(whole, request))
        case .list(let list):
            return Batch(
                id: batch.id,
                source: .list(
                    JobList(
                        count: wholeCount, request: list.request, fields: list.fields,
                        hasOneHost: list.hasOneHost)))
        }
    }
}

extension BatchSummary {
    func whole(_ piece: ShardLedger.Piece) -> BatchSummary {
        BatchSummary(
            batch: piece.whole(of: batch), name: name, priority: priority,
            enqueuedAtMicros: enqueuedAtMicros, cancelledAtMicros: cancelledAtMicros,
            foundIn: foundIn, counts: counts)
    }

    func joined(with other: BatchSummary) -> BatchSummary {
        BatchSummary(
            batch: batch, name: name, priority: priority,
            enqueuedAtMicros: min(enqueuedAtMicros, other.enqueuedAtMicros),
            cancelledAtMicros: cancelledAtMicros.flatMap { mine in
                other.cancelledAtMicros.map { min(mine, $0) }
            },
            foundIn: foundIn, counts: counts.joined(with: other.counts))
    }
}
