extension SQLiteQueue {
    public func sites() throws(QueueError) -> [Site] {
        [.only] + (try read { try closedSites() })
    }

    public func output(of site: Site) throws(QueueError) -> QueueOutput {
        try read { site == .only ? try readOutput() : try readOutput(ofClosed: site) }
    }

    func readOutput() throws -> QueueOutput {
        // A queue opened for reading is not migrated.
        guard try schemaVersion() >= 2 else {
            return QueueOutput(settings: nil, files: [], completedBefore: 0)
        }
        var settings: OutputSettings?
        var completedBefore = 0
        let sink = try connection.prepare(
            """
            SELECT folder, identity, format, rotate_bytes, bodies, failures, completed_before,
                identity_before
            FROM sink
            """)
        try sink.bind([])
        if try sink.step() {
            var read = OutputSettings(
                folder: sink.text(0), identity: sink.text(1), format: sink.text(2),
                rotateBytes: sink.int(3), keepsBodies: sink.int(4) == 1,
                keepsFailures: sink.int(5) == 1)
            read.identityBefore = sink.text(7)
            settings = read
            completedBefore = sink.int(6)
            let merged = try mergedJobs()?.unrecorded ?? 0
            completedBefore = completedBefore.addingReportingOverflow(merged).partialValue
        }
        var files: [OutputFile] = []
        let handedOver = try schemaVersion() >= 15 ? "handed_over" : "0"
        let rows = try connection.prepare(
            """
            SELECT id, name, format, bytes, crc32, records, sealed, \(handedOver)
            FROM output ORDER BY id
            """)
        try rows.bind([])
        while try rows.step() { files.append(Self.file(in: rows)) }
        return QueueOutput(settings: settings, files: files, completedBefore: completedBefore)
    }

    func keepOutput(
        _ settings: OutputSettings, _ files: [OutputFile], for runner: Int
    ) throws(QueueError) {
        try check(runner)
        try write {
            // What was completed before stays as it is: the first settings count.
            try connection.run(
                """
                INSERT INTO sink (id, folder, identity, format, rotate_bytes, bodies, failures,
                    identity_before, completed_before)
                SELECT 1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, coalesce(sum(count), 0)
                    - ?8
                FROM total JOIN outcome ON code = outcome AND state = 'completed'
                WHERE true
                ON CONFLICT (id) DO UPDATE SET folder = excluded.folder,
                    identity = excluded.identity, identity_before = excluded.identity_before,
                    format = excluded.format,
                    rotate_bytes = excluded.rotate_bytes, bodies = excluded.bodies,
                    failures = excluded.failures
                """,
                .text(settings.folder), .text(settings.identity), .text(settings.format),
                .int(settings.rotateBytes),
                .int(settings.keepsBodies ? 1 : 0), .int(settings.keepsFailures ? 1 : 0),
                .text(settings.identityBefore), .int(try mergedJobs()?.completed ?? 0))
            try save(files)
        }
    }

    func handedOver(_ file: Int, by runner: Int) throws(QueueError) {
        try check(runner)
        try write {
            _ = try connection.run(
                "UPDATE output SET handed_over = 1 WHERE id = ? AND sealed = 1", .int(file))
        }
    }

    func save(_ files: [OutputFile]) throws {
        for file in files {
            try connection.run(
                """
                INSERT INTO output (id, name, format, bytes, crc32, records, sealed)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                ON CONFLICT (id) DO UPDATE SET bytes = excluded.bytes, crc32 = excluded.crc32,
                    records = excluded.records, sealed = excluded.sealed
                """,
                .int(file.id), .text(file.name), .text(file.format), .int(file.bytes),
                .int(Int(file.crc32)), .int(file.records), .int(file.isSealed ? 1 : 0))
        }
    }
}
