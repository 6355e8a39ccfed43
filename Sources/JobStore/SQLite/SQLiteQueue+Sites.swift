/// Output folders that runs of other queues have written to.
extension SQLiteQueue {
    /// The sites of queues that this one was merged from.
    func closedSites() throws -> [Site] {
        guard try hasShardTables() else { return [] }
        let rows = try connection.prepare("SELECT id FROM site WHERE is_carried = 0 ORDER BY id")
        try rows.bind([])
        var sites: [Site] = []
        while try rows.step() { sites.append(Site(id: rows.int(0))) }
        return sites
    }

    func readOutput(ofClosed site: Site) throws -> QueueOutput {
        guard let settings = try settings(ofClosed: site) else {
            throw damaged("it has no output folder \(site.id)")
        }
        var files: [OutputFile] = []
        let rows = try connection.prepare(
            """
            SELECT id, name, format, bytes, crc32, records, sealed, handed_over FROM site_output
            WHERE site_id = ? ORDER BY id
            """)
        try rows.bind([.int(site.id)])
        while try rows.step() { files.append(Self.file(in: rows)) }
        // Told of once.
        let isFirst = try closedSites().first == site
        let hasSink = try connection.int("SELECT 1 FROM sink") == 1
        // Those that a run without an output has completed since, too.
        let unrecorded = isFirst && !hasSink ? try unrecordedCount() : 0
        return QueueOutput(settings: settings, files: files, completedBefore: unrecorded)
    }

    /// The files of all sites, those that a shard carries for the merge included, that are sealed
    /// and not handed over.
    func inheritedFiles() throws(QueueError) -> [InheritedFiles] {
        try read {
            guard try hasShardTables() else { return [] }
            let rows = try connection.prepare(
                """
                SELECT id, name, format, bytes, crc32, records, sealed, handed_over, site_id
                FROM site_output WHERE sealed = 1 AND handed_over = 0 AND bytes > 0
                ORDER BY site_id, id
                """)
            try rows.bind([])
            var sites: [(site: Site, files: [OutputFile])] = []
            while try rows.step() {
                let site = Site(id: rows.int(8))
                if sites.last?.site != site { sites.append((site, [])) }
                sites[sites.count - 1].files.append(Self.file(in: rows))
            }
            return try sites.compactMap { site, files in
                try settings(ofClosed: site).map {
                    InheritedFiles(site: site, settings: $0, files: files)
                }
            }
        }
    }

    func handedOver(
        _ file: Int, ofInherited site: Site, by runner: Int
    ) throws(QueueError) {
        try check(runner)
        try write {
            _ = try connection.run(
                "UPDATE site_output SET handed_over = 1 WHERE site_id = ? AND id = ? AND sealed = 1",
                .int(site.id), .int(file))
        }
    }

    private func settings(ofClosed site: Site) throws -> OutputSettings? {
        let row = try connection.prepare(
            """
            SELECT folder, identity, format, rotate_bytes, bodies, failures, identity_before
            FROM site WHERE id = ?
            """)
        try row.bind([.int(site.id)])
        guard try row.step() else { return nil }
        var settings = OutputSettings(
            folder: row.text(0), identity: row.text(1), format: row.text(2),
            rotateBytes: row.int(3), keepsBodies: row.int(4) == 1, keepsFailures: row.int(5) == 1)
        settings.identityBefore = row.text(6)
        return settings
    }

    /// Reads a file from a row of `output` or `site_output`.
    static func file(in row: borrowing Statement) -> OutputFile {
        OutputFile(
            id: row.int(0), name: row.text(1), format: row.text(2), bytes: row.int(3),
            crc32: UInt32(truncatingIfNeeded: row.int(4)), records: row.int(5),
            isSealed: row.int(6) == 1, isHandedOver: row.int(7) == 1)
    }

    /// The sites whose records are of jobs of this queue or of the larger one, in the order in which
    /// they were written to: those carried for the merge, those of queues that this one was merged
    /// from, and its own.
    func outputs() throws -> [(output: QueueOutput, isCarried: Bool)] {
        var outputs: [(QueueOutput, Bool)] = []
        if try hasShardTables() {
            let rows = try connection.prepare(
                "SELECT id, is_carried FROM site ORDER BY is_carried DESC, id")
            try rows.bind([])
            while try rows.step() {
                outputs.append((try readOutput(ofClosed: Site(id: rows.int(0))), rows.int(1) == 1))
            }
        }
        let own = try readOutput()
        if own.settings != nil { outputs.append((own, false)) }
        return outputs
    }
}

extension QueueDraft {
    /// Keeps the format of the output that the jobs had before, so that a run can tell who drops
    /// responses without meaning to.
    func keepFormat(_ format: String?) throws(QueueError) {
        if let format { try keep(format, as: Shard.formatBeforeName) }
    }

    /// Keeps a choice (`JobLedger.setting`).
    func keep(_ value: String, as name: String) throws(QueueError) {
        try write { connection throws(SQLiteError) in
            _ = try connection.run(
                "INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)", .text(name),
                .text(value))
        }
    }

    /// Adds a site, as the last one.
    ///
    /// - Parameters:
    ///   - folder: The place of its folder, as the draft keeps it.
    ///   - isCarried: Whether its records are of the larger queue, of which the draft is a shard.
    func add(
        _ output: QueueOutput, at folder: String, isCarried: Bool
    ) throws(QueueError) {
        guard let settings = output.settings else { return }
        try write { connection throws(SQLiteError) in
            try connection.run(
                """
                INSERT INTO site (id, is_carried, folder, identity, identity_before, format,
                    rotate_bytes, bodies, failures)
                SELECT coalesce(max(id), 0) + 1, ?, ?, ?, ?, ?, ?, ?, ? FROM site
                """,
                .int(isCarried ? 1 : 0), .text(folder), .text(settings.identity),
                .text(settings.identityBefore), .text(settings.format), .int(settings.rotateBytes),
                .int(settings.keepsBodies ? 1 : 0), .int(settings.keepsFailures ? 1 : 0))
            let site = connection.lastInsertID
            for file in output.files {
                try connection.run(
                    "INSERT INTO site_output VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    .int(site), .int(file.id), .text(file.name), .text(file.format),
                    .int(file.bytes), .int(Int(file.crc32)), .int(file.records),
                    .int(file.isSealed ? 1 : 0), .int(file.isHandedOver ? 1 : 0))
            }
        }
    }
}
