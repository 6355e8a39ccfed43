extension SQLiteQueue {
    public func verify() throws(QueueError) -> [String] {
        try read {
            var faults: [String] = []
            let check = try connection.prepare("PRAGMA integrity_check(20)")
            try check.bind([])
            while try check.step(), check.text(0) != "ok" {
                faults.append("integrity_check: \(check.text(0))")
            }
            let batches = try connection.prepare("SELECT id, count FROM batch ORDER BY id")
            try batches.bind([])
            while try batches.step() {
                try verify(batch: batches.int(0), count: batches.int(1), &faults)
            }
            try verifyStrays(&faults)
            return faults
        }
    }

    /// Walks a batch's spans and segments in order: they must meet end to end.
    private func verify(batch: Int, count: Int, _ faults: inout [String]) throws {
        var tally = [Int](repeating: 0, count: 256)
        var (end, lastSpan) = (0, -1)
        let pieces = try connection.prepare(
            """
            SELECT first, count, outcome, NULL, NULL, NULL FROM span WHERE batch_id = ?1
            UNION ALL
            SELECT first, count, NULL, todo, retrying, outcomes FROM segment WHERE batch_id = ?1
            ORDER BY first
            """)
        try pieces.bind([.int(batch)])
        while try pieces.step() {
            let (first, length) = (pieces.int(0), pieces.int(1))
            let name = "batch \(batch), jobs \(first)..<\(first + length)"
            if first > end {
                faults.append("batch \(batch): jobs \(end)..<\(first) are in no span or segment")
            }
            if first < end { faults.append("\(name): overlap what ends at \(end)") }
            end = first + length
            if pieces.isNull(2) {
                lastSpan = -1
                guard let outcomes = Blob.unpacked(pieces.blob(5), count: length) else {
                    faults.append("\(name): the outcomes do not unpack")
                    continue
                }
                try verifySegment(
                    name, batch: batch, first: first, todo: pieces.int(3), retrying: pieces.int(4),
                    outcomes, &tally, &faults)
            } else {
                let outcome = pieces.int(2)
                if outcome == lastSpan {
                    faults.append("\(name): not one span with its like before it")
                }
                lastSpan = outcome
                tally[outcome] += length
                if try codes.state(of: UInt8(outcome), in: connection) == .retrying {
                    faults.append("\(name): a span of retrying jobs")
                }
            }
        }
        if end != count { faults.append("batch \(batch): tiled to \(end), holds \(count) jobs") }
        for code in 1...255 {
            let kept =
                try connection.int(
                    "SELECT count FROM tally WHERE batch_id = ? AND outcome = ?", .int(batch),
                    .int(code)) ?? 0
            if kept != tally[code] {
                faults.append(
                    "batch \(batch): tally of outcome \(code) says \(kept), there are \(tally[code])"
                )
            }
        }
    }

    private func verifySegment(
        _ name: String, batch: Int, first: Int, todo: Int, retrying: Int, _ outcomes: [UInt8],
        _ tally: inout [Int], _ faults: inout [String]
    ) throws {
        var waiting: [Int] = []
        var open = 0
        for (offset, code) in outcomes.enumerated() {
            tally[Int(code)] += 1
            if code == 0 {
                open += 1
            } else {
                switch try codes.state(of: code, in: connection) {
                case .retrying: waiting.append(first + offset)
                case .completed, .failed: break
                case nil: faults.append("\(name): outcome \(code) is not in the table outcome")
                }
            }
        }
        if open != todo { faults.append("\(name): todo says \(todo), there are \(open)") }
        if waiting.count != retrying {
            faults.append("\(name): retrying says \(retrying), there are \(waiting.count)")
        }
        var rows: [Int] = []
        let retries = try connection.prepare(
            "SELECT position FROM retry WHERE batch_id = ? AND position >= ? AND position < ? ORDER BY position"
        )
        try retries.bind([.int(batch), .int(first), .int(first + outcomes.count)])
        while try retries.step() { rows.append(retries.int(0)) }
        if rows != waiting {
            faults.append("\(name): the table retry does not match its retrying jobs")
        }
    }

    /// Rows that belong to nothing.
    private func verifyStrays(_ faults: inout [String]) throws {
        let questions = [
            (
                "spans of no batch",
                "SELECT count(*) FROM span WHERE batch_id NOT IN (SELECT id FROM batch)"
            ),
            (
                "segments of no batch",
                "SELECT count(*) FROM segment WHERE batch_id NOT IN (SELECT id FROM batch)"
            ),
            (
                "tallies of no batch",
                "SELECT count(*) FROM tally WHERE batch_id NOT IN (SELECT id FROM batch)"
            ),
            (
                "retries outside a segment",
                "SELECT (SELECT count(*) FROM retry) - (SELECT coalesce(sum(retrying), 0) FROM segment)"
            ),
            (
                "leases of no runner",
                """
                SELECT (SELECT count(*) FROM segment
                        WHERE runner_id IS NOT NULL AND runner_id NOT IN (SELECT id FROM runner))
                    + (SELECT count(*) FROM retry
                        WHERE runner_id IS NOT NULL AND runner_id NOT IN (SELECT id FROM runner))
                """
            ),
        ]
        for (what, sql) in questions {
            if let count = try connection.int(sql), count != 0 {
                faults.append("\(what): \(count)")
            }
        }
    }
}
