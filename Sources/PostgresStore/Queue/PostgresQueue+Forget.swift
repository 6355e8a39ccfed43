public import JobStore

/// Output folders that are lost: the jobs whose records were there are put back, some in each
/// transaction, and the last one forgets the folder.
extension PostgresQueue {
    public func checkForgettable(_ sites: [Site]) throws(QueueError) {
        // This call may not write, and so take over none of those that are gone.
        let gone = try ask { try goneRunners() }
        try read {
            for site in sites {
                _ = try forgettable(site, gone, silentMicrosMax: watch.leaseMicros)
            }
            try checkAllAreRecorded(gone)
        }
    }

    public func beginForgetting(_ sites: [Site]) async throws(QueueError) -> SiteForgetting {
        try takeOverGone()
        var rescue = Rescue()
        for site in sites {
            // A machine that is gone with its disk says nothing more.
            guard let identity = try output(of: site).settings?.identity else { continue }
            try await waitForSite(
                with: identity, &rescue, cure: "stop that run first, or wait for its end")
        }
        // Where an answer is lost, the next try takes the place of this one.
        return try change {
            var identities: [Site: String] = [:]
            for site in sites { identities[site] = try forgettable(site).identity }
            try checkAllAreRecorded()
            let known = try forgettingUnderWay()
            if let known, !known.begun.isSubset(of: sites) {
                throw known.unfinished(in: name)
            }
            let forgetting = SiteForgetting(of: identities, after: known)
            try keepChoice(forgetting.text, as: SiteForgetting.name)
            return forgetting
        }
    }

    public func putBack(
        _ positions: [Range<Int>], of batchID: Batch.ID, lostWith forgetting: SiteForgetting
    ) throws(QueueError) {
        guard var next = positions.first?.lowerBound, let end = positions.last?.upperBound else {
            return
        }
        while next < end {
            let steps = forgettingSteps.token == forgetting.token ? forgettingSteps.count : 0
            next = try change {
                var known = try goOn(forgetting)
                // The same transaction, whose answer was lost: what it put back may be done again.
                if known.steps == steps + 1 { return known.place }
                guard known.steps == steps else { throw forgetting.undone(in: name) }
                known.done(upTo: try putSomeBack(positions, of: batchID, next..<end))
                try keepChoice(known.text, as: SiteForgetting.name)
                return known.place
            }
            forgettingSteps = (forgetting.token, steps + 1)
        }
    }

    public func endForgetting(_ forgetting: SiteForgetting) throws(QueueError) {
        try change {
            let before = try choice(SiteForgetting.forgottenName)
            // By the time this call has written where its answer was lost.
            if try forgettingUnderWay() == nil, let before,
                forgetting.identities.values.allSatisfy(
                    before.split(separator: "\n").map(String.init).contains)
            {
                return
            }
            let steps = forgettingSteps.token == forgetting.token ? forgettingSteps.count : 0
            guard try goOn(forgetting).steps == steps else {
                throw forgetting.undone(in: name)
            }
            var identities: [String] = []
            for site in forgetting.sites {
                let settings = try forgettable(site)
                identities += [settings.identity, settings.identityBefore]
                // The row stays, so that no other folder gets its number, and is given up by mistake.
                try link.query(
                    """
                    UPDATE runner.site SET folder = NULL, identity = '\(Self.forgottenIdentity)',
                        identity_before = '',
                        format = '', rotate_bytes = 1, bodies = true, failures = false,
                        completed_before = 0
                    WHERE id = $1
                    """, .int(site.id))
                try link.query("DELETE FROM runner.output WHERE site_id = $1", .int(site.id))
            }
            try keepChoice(
                SiteForgetting.forgotten(before, adding: identities),
                as: SiteForgetting.forgottenName)
            try link.query(
                "DELETE FROM runner.setting WHERE name = $1", .text(SiteForgetting.name))
        }
    }

    /// The identity of sites without a folder that were forgotten.
    static let forgottenIdentity = "forgotten"

    /// The call that forgets sites; `nil` when there is none.
    func forgettingUnderWay() throws -> SiteForgetting? {
        guard let text = try choice(SiteForgetting.name) else { return nil }
        guard let known = SiteForgetting(text) else {
            throw damaged("what it keeps of an output folder that is being forgotten does not read")
        }
        return known
    }

    // MARK: - Runs without an output

    /// The name of the choice that holds whether some run without an output has marked jobs.
    private static let unrecordedName = "unrecorded_runs"

    /// Notes that a runner which ends has marked jobs and had no output: none of these has a record,
    /// and later nobody can tell which they are.
    func noteUnrecorded(_ runner: Int, at site: Int) throws {
        let marked = try link.query(
            """
            SELECT EXISTS (SELECT FROM runner.site WHERE id = $2 AND folder IS NULL)
                AND (EXISTS (SELECT FROM runner.log WHERE runner_id = $1)
                    OR EXISTS (SELECT FROM runner.tally WHERE runner_id = $1))
            """, .int(runner), .int(site))
        if marked.bool(0, 0) { try keepChoice("1", as: Self.unrecordedName) }
    }

    /// - Parameter gone: Runners that are known to be gone.
    /// - Throws: `.forgotten` when jobs may have been completed that are in no output, `.inUse` when a
    ///   live runner may do so.
    private func checkAllAreRecorded(_ gone: [Int] = []) throws {
        let live = try link.query(
            """
            SELECT r.pid, r.host FROM runner.runner r JOIN runner.site s ON s.id = r.site_id
            WHERE s.folder IS NULL AND NOT r.id = ANY($1::bigint[]) LIMIT 1
            """, .ints(gone))
        if live.count == 1 {
            throw QueueError(
                .inUse,
                "process \(live.int(0, 0)) on \(live.text(0, 1)) works on the queue \(name) without an output folder; stop that run first, or wait for its end"
            )
        }
        guard try choice(Self.unrecordedName) != nil else { return }
        throw QueueError(
            .forgotten,
            "jobs of the queue \(name) were completed by a run without --output, and cannot be told from those that are lost; fetch them again with a new queue"
        )
    }

    // MARK: - One transaction

    /// - Parameters:
    ///   - gone: Runners that are known to be gone.
    ///   - silentMicrosMax: A runner that was silent for longer counts as gone; `nil` for none.
    /// - Returns: The output of a site that can be forgotten.
    private func forgettable(
        _ site: Site, _ gone: [Int] = [], silentMicrosMax: Int? = nil
    ) throws -> OutputSettings {
        let rows = try link.query(
            """
            SELECT folder, identity, identity_before, r.pid, r.host
            FROM runner.site LEFT JOIN LATERAL (
                SELECT pid, host FROM runner.runner
                WHERE site_id = site.id AND NOT runner.id = ANY($2::bigint[])
                    AND ($3::bigint IS NULL OR \(Self.lastBeat)
                        >= \(clock.sql) - $3)
                LIMIT 1) r ON true
            WHERE id = $1
            """, .int(site.id), .ints(gone), Value(silentMicrosMax))
        guard rows.count == 1, let folder = rows.textIfAny(0, 0) else {
            throw SiteForgetting.missing(site, in: name)
        }
        if let pid = rows.intIfAny(0, 3) {
            throw SiteForgetting.written(
                folder, by: "process \(pid) on \(rows.textIfAny(0, 4) ?? "")")
        }
        var settings = OutputSettings(
            folder: folder, identity: rows.text(0, 1), format: "", rotateBytes: 1,
            keepsBodies: true, keepsFailures: false)
        settings.identityBefore = rows.text(0, 2)
        return settings
    }

    /// Checks that a call is the last one, and that no run has written to its sites; from now on none
    /// does.
    ///
    /// - Returns: The call as the queue holds it.
    private func goOn(_ forgetting: SiteForgetting) throws -> SiteForgetting {
        guard var known = try forgettingUnderWay(), known.token == forgetting.token else {
            throw forgetting.ended(in: name)
        }
        guard known.begun.count < known.identities.count else { return known }
        try checkAllAreRecorded()
        for (site, identity) in known.identities where !known.begun.contains(site) {
            let settings = try forgettable(site)
            guard settings.identity == identity else {
                throw SiteForgetting.changed(settings.folder, in: name)
            }
        }
        known.begin()
        try keepChoice(known.text, as: SiteForgetting.name)
        return known
    }

    /// Puts back jobs of a batch, as many as are in the pieces that are read at a time.
    ///
    /// - Returns: The position up to which all was done.
    private func putSomeBack(
        _ wanted: [Range<Int>], of batchID: Batch.ID, _ window: Range<Int>
    ) throws -> Int {
        let rows = try link.query(
            """
            SELECT \(Self.batchColumns), priority, cancelled_us IS NOT NULL FROM runner.batch
            WHERE id = $1
            """, .int(batchID))
        guard rows.count == 1 else { throw damaged("it has no batch \(batchID)") }
        let begin = wanted.clamped(to: window).first?.lowerBound ?? window.upperBound
        guard begin < window.upperBound else { return begin }
        let bound = begin + min(window.upperBound - begin, Self.positionsMax)
        let pieces = try lockedPieces(of: batchID, from: begin)
        var pass = PutBackPass(
            batch: try batch(in: rows, at: 0), priority: rows.int(0, Self.batchColumnCount),
            selection: .completed(wanted), positions: begin..<bound)
        try putBack(pieces, &pass)
        // In this transaction: the next claim must not take them.
        if pass.count > 0, rows.bool(0, Self.batchColumnCount + 1) {
            _ = try takeBack(batchID)
        }
        return min(bound, pieces.last?.positions.upperBound ?? bound)
    }

    private func choice(_ name: String) throws -> String? {
        let rows = try link.query(
            "SELECT value FROM runner.setting WHERE name = $1", .text(name))
        return rows.count == 0 ? nil : rows.text(0, 0)
    }

    private func keepChoice(_ value: String, as name: String) throws {
        try link.query(
            """
            INSERT INTO runner.setting (name, value) VALUES ($1, $2)
            ON CONFLICT (name) DO UPDATE SET value = excluded.value
            """, .text(name), .text(value))
    }
}
