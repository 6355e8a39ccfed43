/// Output folders that are lost: the jobs whose records were there are put back, some in each
/// transaction, and the last one forgets the folder.
extension SQLiteQueue {
    public func checkForgettable(_ sites: [Site]) throws(QueueError) {
        try read { for site in sites { _ = try forgettable(site) } }
    }

    public func beginForgetting(_ sites: [Site]) throws(QueueError) -> SiteForgetting {
        try write {
            var identities: [Site: String] = [:]
            for site in sites { identities[site] = try forgettable(site).identity }
            let known = try forgettingUnderWay()
            if let known, !known.begun.isSubset(of: sites) {
                throw known.unfinished(in: path)
            }
            let forgetting = SiteForgetting(of: identities, after: known)
            try keepChoice(forgetting.text, as: SiteForgetting.name)
            return forgetting
        }
    }

    public func putBack(
        _ positions: [Range<Int>], of batchID: Batch.ID, lostWith forgetting: SiteForgetting
    ) async throws(QueueError) {
        guard var next = positions.first?.lowerBound, let end = positions.last?.upperBound else {
            return
        }
        while next < end {
            next = try write {
                try goOn(forgetting)
                return try putBack(
                    positions.clamped(to: next..<end), of: batchID, next..<end,
                    isOfMerged: !forgetting.sites.contains(.only))
            }
            // Another writer asks for the lock once a millisecond, and must not ask in vain. A task
            // that was cancelled goes on at once.
            try? await Task.sleep(for: .milliseconds(2))
        }
    }

    public func endForgetting(_ forgetting: SiteForgetting) throws(QueueError) {
        try write {
            try goOn(forgetting)
            var identities: [String] = []
            for site in forgetting.sites {
                let settings = try forgettable(site)
                identities += [settings.identity, settings.identityBefore]
                if site == .only {
                    try connection.run("DELETE FROM sink")
                    try connection.run("DELETE FROM output")
                    // What is completed now has its records in the folders of merged queues.
                    if try mergedJobs() != nil {
                        try connection.run(
                            "UPDATE merged SET completed = ?", .int(try completedCount()))
                    }
                } else {
                    try connection.run("DELETE FROM site_output WHERE site_id = ?", .int(site.id))
                    try connection.run("DELETE FROM site WHERE id = ?", .int(site.id))
                }
            }
            let known = try choice(SiteForgetting.forgottenName)
            try keepChoice(
                SiteForgetting.forgotten(known, adding: identities),
                as: SiteForgetting.forgottenName)
            try connection.run("DELETE FROM setting WHERE name = ?", .text(SiteForgetting.name))
        }
    }

    /// - Throws: `.forgotten` when the queue's own output is being forgotten.
    func checkNotForgetting() throws {
        guard let known = try forgettingUnderWay(), known.begun.contains(.only),
            let identity = known.identities[.only],
            try readOutput().settings?.identity == identity
        else { return }
        throw known.unfinished(in: path)
    }

    // MARK: - One transaction

    /// - Returns: The output of a site that can be forgotten.
    private func forgettable(_ site: Site) throws -> OutputSettings {
        try checkNotSplit()
        if let kept = try keptShard() {
            throw QueueError(
                .unsupported,
                "the queue \(path) holds shard \(kept.shard.text), and forgets no output folder: that is for the queue that the shards are merged to"
            )
        }
        let isThere = try site == .only || closedSites().contains(site)
        let output = try isThere ? site == .only ? readOutput() : readOutput(ofClosed: site) : nil
        guard let settings = output?.settings else {
            throw SiteForgetting.missing(site, in: path)
        }
        // Runs write to the queue's own alone. Of a queue that is only looked at, it may not be known.
        if site == .only, isRunLive ?? (lock != nil) {
            throw SiteForgetting.written(settings.folder, by: "the run that is going on")
        }
        return settings
    }

    /// Checks that a call is the last one, and that no run has written to its sites; from now on none
    /// does.
    private func goOn(_ forgetting: SiteForgetting) throws {
        guard var known = try forgettingUnderWay(), known.token == forgetting.token else {
            throw forgetting.ended(in: path)
        }
        guard known.begun.count < known.identities.count else { return }
        for (site, identity) in known.identities where !known.begun.contains(site) {
            let settings = try forgettable(site)
            guard settings.identity == identity else {
                throw SiteForgetting.changed(settings.folder, in: path)
            }
        }
        known.begin()
        try keepChoice(known.text, as: SiteForgetting.name)
    }

    /// - Returns: The position up to which all was done.
    private func putBack(
        _ wanted: [Range<Int>], of batchID: Batch.ID, _ window: Range<Int>, isOfMerged: Bool
    ) throws -> Int {
        let rows = try connection.prepare("SELECT code FROM outcome WHERE state = 'completed'")
        try rows.bind([])
        var completed: [UInt8] = []
        while try rows.step() {
            if let code = UInt8(exactly: rows.int(0)) { completed.append(code) }
        }
        var slice = PutBackSlice(codes: completed, timeMax: putBackMax, keepsRecords: false)
        let end = try putBack(wanted, in: try batch(batchID), window, &slice)
        if slice.jobs > 0, window.lowerBound < end {
            try dropValidators(of: wanted.clamped(to: window.lowerBound..<end), in: batchID)
        }
        // In this transaction: the next claim must not take them.
        if slice.jobs > 0, try isCancelled(batchID) {
            while try cancelSome(of: batchID) > 0 {}
        }
        if isOfMerged, slice.jobs > 0 {
            try connection.run("UPDATE merged SET completed = completed - ?", .int(slice.jobs))
        }
        return end
    }

    func forgettingUnderWay() throws -> SiteForgetting? {
        guard let text = try choice(SiteForgetting.name) else { return nil }
        guard let known = SiteForgetting(text) else {
            throw damaged("what it keeps of an output folder that is being forgotten does not read")
        }
        return known
    }

    private func choice(_ name: String) throws -> String? {
        let row = try connection.prepare("SELECT value FROM setting WHERE name = ?")
        try row.bind([.text(name)])
        return try row.step() ? row.text(0) : nil
    }

    private func keepChoice(_ value: String, as name: String) throws {
        try connection.run(
            "INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)", .text(name), .text(value))
    }
}
