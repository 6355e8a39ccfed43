public import JobStore

extension PostgresQueue {
    public func sites() throws(QueueError) -> [Site] {
        try ask {
            let rows = try link.query("SELECT id FROM runner.site ORDER BY id")
            return (0..<rows.count).map { Site(id: rows.int($0, 0)) }
        }
    }

    public func output(of site: Site) throws(QueueError) -> QueueOutput {
        try read {
            let rows = try link.query(
                """
                SELECT folder, identity, identity_before, format, rotate_bytes, bodies, failures,
                    completed_before
                FROM runner.site WHERE id = $1
                """, .int(site.id))
            guard rows.count == 1, let folder = rows.textIfAny(0, 0) else {
                return QueueOutput(settings: nil, files: [], completedBefore: 0)
            }
            var settings = OutputSettings(
                folder: folder, identity: rows.text(0, 1), format: rows.text(0, 3),
                rotateBytes: rows.int(0, 4), keepsBodies: rows.bool(0, 5),
                keepsFailures: rows.bool(0, 6))
            settings.identityBefore = rows.text(0, 2)
            return QueueOutput(
                settings: settings, files: try files(of: site), completedBefore: rows.int(0, 7))
        }
    }

    /// The files of a site, with what its runner has committed since they were written down.
    private func files(of site: Site) throws -> [OutputFile] {
        let rows = try link.query(
            """
            SELECT id, name, format, bytes, crc32, records, sealed, handed_over
            FROM runner.output WHERE site_id = $1
            """, .int(site.id))
        var files: [Int: OutputFile] = [:]
        for row in 0..<rows.count {
            files[rows.int(row, 0)] = OutputFile(
                id: rows.int(row, 0), name: rows.text(row, 1), format: rows.text(row, 2),
                bytes: rows.int(row, 3), crc32: UInt32(truncatingIfNeeded: rows.int(row, 4)),
                records: rows.int(row, 5), isSealed: rows.bool(row, 6),
                isHandedOver: rows.bool(row, 7))
        }
        let bodies = try link.query(
            """
            SELECT body FROM runner.log
            WHERE has_files AND runner_id IN (SELECT id FROM runner.runner WHERE site_id = $1)
            ORDER BY runner_id, seq
            """, .int(site.id))
        for row in 0..<bodies.count {
            for file in try LogBody(bodies.bytes(row, 0) ?? []).files {
                files[file.id] = file
            }
        }
        return files.values.sorted { $0.id < $1.id }
    }

    /// Records where a site's responses go. The runner's log tells of no file.
    func keepOutput(
        _ settings: OutputSettings, _ files: [OutputFile], of site: Site, for runner: Int
    ) throws(QueueError) {
        let gone = try ask { try goneRunners() }
        try rewrite {
            try lockRunner(runner)
            let completed = try counts(try numbersOfAll(gone: gone), total: 0, runs: []).completed
            // What was completed before stays as it is: the first settings count. What was completed
            // since another site had an output has its records there.
            try link.query(
                """
                UPDATE runner.site SET folder = $2, identity = $3, identity_before = $4, format = $5,
                    rotate_bytes = $6, bodies = $7, failures = $8,
                    completed_before = CASE WHEN folder IS NOT NULL
                            OR EXISTS (SELECT FROM runner.site WHERE folder IS NOT NULL)
                        THEN completed_before ELSE $9 END
                WHERE id = $1
                """,
                .int(site.id), .text(settings.folder), .text(settings.identity),
                .text(settings.identityBefore), .text(settings.format), .int(settings.rotateBytes),
                .bool(settings.keepsBodies), .bool(settings.keepsFailures), .int(completed))
            try SegmentRows.save(files, of: site.id, link)
        }
    }

    func handedOver(_ file: Int, of site: Site, for runner: Int) throws(QueueError) {
        try rewrite {
            try lockRunner(runner)
            try link.query(
                """
                UPDATE runner.output SET handed_over = true
                WHERE site_id = $1 AND id = $2 AND sealed
                """, .int(site.id), .int(file))
        }
    }
}
