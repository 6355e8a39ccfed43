internal import Glibc
public import JobStore

extension PostgresQueue {
    public func attach(_ runner: RunnerDescription) async throws(QueueError) -> any RunnerLease {
        // A run that comes back may meet a server that was replaced by one with an older queue.
        if access != .read {
            try ask { try Migrator.migrate(link, named: name, makesMissing: false) }
        }
        var rescue = try takeOverGone()
        try finishPutBacks()
        if let identity = runner.siteIdentity {
            try await waitForSite(
                with: identity, &rescue, cure: "wait for it, or give this run another folder")
        }
        let instance = Self.randomName()
        // Before others can see the runner, or they would take it for gone.
        let lock = RunnerLock(instance: instance)
        let askedAt = ContinuousClock.now
        let (id, site) = try register(runner, as: instance)
        locks[id] = lock
        attached.insert(id)
        do throws(QueueError) {
            let counts = try counts(of: runner.batch)
            let retrying = try ask { try retriesOfNobody(runner.batch) }
            let attachment = Attachment(
                rescued: rescue.jobs, mayRepeat: min(rescue.jobs, rescue.requests),
                retrying: retrying, counts: counts, site: site, output: try output(of: site),
                hosts: try paces(), unrecorded: try completedBeforeOutputs())
            return try await PostgresLease.make(
                of: self, runner: id, batch: runner.batch, attachment: attachment,
                askedAt: askedAt)
        } catch {
            abandon(id)
            throw error
        }
    }

    /// Registers a runner.
    ///
    /// - Returns: The runner's ID, and the site that it writes to.
    private func register(
        _ runner: RunnerDescription, as instance: String
    ) throws(QueueError) -> (id: Int, site: Site) {
        try change {
            let known = try link.query(
                "SELECT id, site_id FROM runner.runner WHERE instance = $1", .text(instance))
            if known.count == 1 { return (known.int(0, 0), Site(id: known.int(0, 1))) }
            let site = try site(for: runner)
            let share = try beginShare(of: runner)
            let added = try link.query(
                """
                INSERT INTO runner.runner (instance, host, pid, workers, site_id, started_us, beat_us,
                    share)
                SELECT $1, $2, $3, $4, $5, now, now, $6 FROM (SELECT \(clock.sql)) AS clock (now)
                RETURNING id, started_us
                """,
                .text(instance), .text(runner.host), .int(runner.pid), .int(runner.workers),
                .int(site.id), .real(share))
            clock.note(added.int(0, 1))
            return (added.int(0, 0), site)
        }
    }

    /// The site whose folder the runner comes with; else one that nobody writes to, or a new one. Of
    /// the sites, of which there may be thousands, the answers tell of one or two.
    private func site(for runner: RunnerDescription) throws -> Site {
        let forgetting = try forgettingUnderWay()
        let isForgotten = { (site: Site, identity: String) in
            forgetting?.begun.contains(site) ?? false && forgetting?.identities[site] == identity
        }
        // Its own first: there may be others that nobody has written to yet.
        if let identity = runner.siteIdentity {
            let own = try link.query(
                """
                SELECT id, identity FROM runner.site
                WHERE folder IS NOT NULL AND $1 IN (identity, identity_before) ORDER BY id LIMIT 1
                """, .text(identity))
            if own.count == 1 {
                let site = Site(id: own.int(0, 0))
                if let forgetting, isForgotten(site, own.text(0, 1)) {
                    throw forgetting.unfinished(in: name)
                }
                return site
            }
        }
        let isFree = "NOT EXISTS (SELECT FROM runner.runner WHERE site_id = site.id)"
        let unused = try link.query(
            """
            SELECT id FROM runner.site
            WHERE folder IS NULL AND identity <> $1 AND \(isFree) ORDER BY id LIMIT 1
            """, .text(Self.forgottenIdentity))
        if unused.count == 1 { return Site(id: unused.int(0, 0)) }
        // Alone, a runner goes on where the queue's only output is: its folder may have moved.
        let first = try link.query(
            "SELECT id, identity, folder IS NOT NULL AND \(isFree) FROM runner.site LIMIT 2")
        if first.count == 1, first.bool(0, 2) {
            let site = Site(id: first.int(0, 0))
            if !isForgotten(site, first.text(0, 1)) { return site }
        }
        let added = try link.query(
            "INSERT INTO runner.site (id) SELECT max(id) + 1 FROM runner.site RETURNING id")
        return Site(id: added.int(0, 0))
    }

    /// Waits while a runner that nothing is known of has a site: one of a machine that was switched
    /// off and on again, say. It is taken over once a lease has passed.
    ///
    /// - Parameters:
    ///   - identity: That of the site's folder.
    ///   - cure: What helps when the runner lives.
    /// - Throws: `.inUse` when that runner lives.
    func waitForSite(
        with identity: String, _ rescue: inout Rescue, cure: String
    ) async throws(QueueError) {
        guard !identity.isEmpty else { return }
        var beatMicros: Int?
        let sinceMicros = SystemClock.monotonicMicros()
        while let (id, beat, place) = try holder(ofSite: identity) {
            guard beat == beatMicros ?? beat else {
                throw QueueError(
                    .inUse,
                    "\(place) writes to this output folder for the queue \(name) already; \(cure)"
                )
            }
            beatMicros = beat
            if SystemClock.monotonicMicros() - sinceMicros >= watch.leaseMicros {
                if let taken = try takeOver(id, silentSince: beat) {
                    rescue.jobs += taken.jobs
                    rescue.requests += taken.requests
                }
                return
            }
            do { try await Task.sleep(for: .seconds(1)) } catch {
                throw QueueError(.inUse, "\(place) may still write to this output folder")
            }
        }
    }

    private func holder(
        ofSite identity: String
    ) throws(QueueError) -> (id: Int, beat: Int, place: String)? {
        try ask {
            let rows = try link.query(
                """
                SELECT runner.id, \(Self.lastBeat), pid, host
                FROM runner.runner JOIN runner.site s ON s.id = runner.site_id
                WHERE s.folder IS NOT NULL AND $1 IN (s.identity, s.identity_before) LIMIT 1
                """, .text(identity))
            guard rows.count == 1 else { return nil }
            return (
                rows.int(0, 0), rows.int(0, 1), "process \(rows.int(0, 2)) on \(rows.text(0, 3))"
            )
        }
    }

    /// The jobs that were completed before a site had an output; `nil` where none has one.
    private func completedBeforeOutputs() throws(QueueError) -> Int? {
        try ask {
            try link.query(
                "SELECT sum(completed_before)::bigint FROM runner.site WHERE folder IS NOT NULL"
            ).intIfAny(0, 0)
        }
    }

    /// The retries that no runner holds.
    private func retriesOfNobody(_ batch: Batch.ID?) throws -> Int {
        try link.query(
            """
            SELECT coalesce(sum(retrying), 0) FROM runner.segment
            WHERE runner_id = 0 AND ($1::bigint IS NULL OR batch_id = $1)
            """, Value(batch)
        ).int(0, 0)
    }

    /// Ends a runner: what it held is given back.
    ///
    /// - Throws: `.fenced` when the runner was taken over.
    func detach(_ runner: Int) throws(QueueError) {
        defer { abandon(runner) }
        let isThere = try change {
            try link.query("SELECT FROM runner.runner WHERE id = $1", .int(runner)).count == 1
        }
        guard isThere else { throw fenced("its runner is no longer registered") }
        // When it finds no runner any more, the answer to its first try was lost.
        try takeOver(runner)
        // For looks that come after; nothing depends on it.
        _ = try? melt()
    }

    /// Ends a runner without a word, as a kill does.
    func abandon(_ runner: Int) {
        attached.remove(runner)
        locks[runner] = nil
    }
}
