/// The requests of each host in a batch of requests that responses led to, where a run bounds them.
///
/// They change in the transaction that adds the requests, so the bound holds whatever is killed.
extension SQLiteQueue {
    /// Leaves out requests of hosts of which the batch has as many as it may.
    ///
    /// - Parameter batch: `nil` when the batch is not made yet.
    func leaveOutFullHosts(
        of fresh: inout [FoundRequests.Place], in batch: Batch.ID?, of found: FoundRequests,
        _ tally: inout FoundTally
    ) throws {
        guard let countMax = found.jobsOfHostMax else { return }
        let row = try connection.prepare(
            "SELECT count FROM found_host WHERE batch_id = ? AND host = ?")
        var counts: [Int: Int] = [:]
        var kept: [FoundRequests.Place] = []
        for place in fresh {
            var count = counts[place.host] ?? 0
            if counts[place.host] == nil, let batch {
                try row.bind([.int(batch), .text(found.hosts[place.host])])
                if try row.step() { count = row.int(0) }
            }
            if count < countMax {
                kept.append(place)
                count += 1
            } else {
                tally.leftOutOfHosts += 1
            }
            counts[place.host] = count
        }
        fresh = kept
    }

    /// Counts requests that are added to the batch.
    func countHosts(
        of added: [FoundRequests.Place], in batch: Batch.ID, of found: FoundRequests
    ) throws {
        guard found.jobsOfHostMax != nil else { return }
        let row = try connection.prepare(
            """
            INSERT INTO found_host (batch_id, host, count) VALUES (?, ?, ?)
            ON CONFLICT DO UPDATE SET count = count + excluded.count
            """)
        let counts = added.reduce(into: [:]) { $0[$1.host, default: 0] += 1 }
        for (host, count) in counts {
            try row.run(.int(batch), .text(found.hosts[host]), .int(count))
        }
    }
}
