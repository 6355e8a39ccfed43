import ArgumentParser
import JobStore
import Runner
import Stores

struct ForgetSite: StatusCommand {
    static let configuration = CommandConfiguration(
        commandName: "forget-site",
        abstract: "Give up an output folder that is lost, and put its jobs back.",
        discussion: """
            Without a name, lists the output folders of the queue. With one, says how many
            completed jobs have their records in that folder alone; with --yes, exactly
            these become available again, as if they had never been tried, and the queue
            forgets the folder. They are found by reading all other folders, as verify
            does, so these must be here, whole: name the place of a copy with --folder.
            Runs that write to other folders may go on. Killed half-way, give it again.

            EXAMPLES
              runner forget-site
              runner forget-site /mnt/disk2/responses
              runner forget-site 2 --folder 0=/mnt/a --folder 1=/mnt/b --yes
            """)

    @OptionGroup var queue: QueueOptions

    @Argument(
        help: ArgumentHelp(
            "The output folders that are lost, by number or name.", valueName: "site"))
    var names: [String] = []

    @Option(
        name: .customLong("folder"),
        help: ArgumentHelp(
            "The place where another output folder is now, by its number; repeatable.",
            valueName: "site=folder"))
    var folders: [String] = []

    @Flag(name: .customLong("yes"), help: "Do it. Without, nothing is changed.")
    var isMeant = false

    @Flag(help: "Print the result as JSON.")
    var json = false

    func validate() throws {
        _ = try places()
        if names.isEmpty, isMeant || !folders.isEmpty {
            throw ValidationError("name the output folder that is lost, by its number or its path")
        }
    }

    /// The folders that were named, by the number of the site.
    private func places() throws -> [Site: String] {
        var places: [Site: String] = [:]
        for text in folders {
            let parts = text.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, let id = Int(parts[0]), id >= 0 else {
                throw ValidationError(
                    "--folder \(Terminal.escaped(text)) is not of the form 2=/mnt/copy: the number of an output folder, as runner forget-site lists them, and its place"
                )
            }
            places[Site(id: id)] = String(parts[1])
        }
        return places
    }

    func execute() async throws -> ExitStatus {
        let ledger: any JobLedger
        let store: (any JobQueue)?
        if isMeant {
            let queue = try openQueue(at: queue.location)
            (ledger, store) = (queue, queue)
        } else {
            (ledger, store) = (try openLedger(at: queue.location), nil)
        }
        do {
            let status = try await execute(ledger, store)
            await ledger.close()
            return status
        } catch {
            await ledger.close()
            throw error
        }
    }

    /// - Parameter store: The queue when it is to be changed; `nil` otherwise.
    private func execute(
        _ ledger: any JobLedger, _ store: (any JobQueue)?
    ) async throws -> ExitStatus {
        let all = try await ListedSite.all(of: ledger, from: queue.realFolder)
        guard !names.isEmpty else {
            let list = SiteList(sites: all)
            try Terminal.output(json ? try JSON.text(list) : list.text(of: queue.path))
            return .done
        }
        let sites = try chosen(among: all)
        let forgetting = try await store?.beginForgetting(sites.map(\.site))
        if let forgetting, sites.contains(where: { forgetting.identities[$0.site] != $0.identity })
        {
            throw SiteForgetting.changed(sites[0].folder, in: queue.path)
        }
        if forgetting == nil { try await ledger.checkForgettable(sites.map(\.site)) }
        var folders = try places()
        for listed in all where folders[listed.site] == nil { folders[listed.site] = listed.folder }
        let lost = try await OutputAudit(ledger: ledger, folders: folders)
            .lost(with: sites.map(\.site))
        if let reason = refusal(of: lost, sites) {
            Terminal.complain(reason)
            return .queue
        }
        if isMeant, let site = sites.first(where: { OutputAudit.holds($0.identity, at: $0.folder) })
        {
            Terminal.complain(
                Terminal.escaped(
                    "nothing was put back: the output folder \(site.site.id), \(site.folder), is here, and is the queue's; to give it up all the same, move it away first"
                ))
            return .queue
        }
        let report = ForgetReport(
            sites: sites, jobs: lost.count, ofCancelled: try await ofCancelled(lost, ledger),
            areAllCompleted: sites.count == all.count, isDone: isMeant)
        if let store, let forgetting {
            try await forget(forgetting, lost, of: sites, isLast: sites.count == all.count, store)
        }
        try Terminal.output(json ? try JSON.text(report) : report.text(of: queue.path))
        return .done
    }

    private func forget(
        _ forgetting: SiteForgetting, _ lost: LostJobs, of sites: [ListedSite], isLast: Bool,
        _ store: any JobQueue
    ) async throws {
        try await lost.forEachWindow { batch, positions in
            try await store.putBack(positions, of: batch, lostWith: forgetting)
        }
        // A run without --output is to say that it drops responses.
        if isLast, let format = sites.last?.format {
            try await store.keep(format, as: Shard.formatBeforeName)
        }
        try await store.endForgetting(forgetting)
    }

    /// The sites that were named.
    private func chosen(among all: [ListedSite]) throws -> [ListedSite] {
        var chosen: [ListedSite] = []
        for name in names {
            let found = all.filter { $0.goes(by: name) }
            guard let site = found.first else {
                let known = all.map { "\($0.site.id) (\($0.folder))" }.joined(separator: ", ")
                throw ValidationError(
                    Terminal.escaped(
                        "there is no output folder '\(name)' in \(queue.path); "
                            + (all.isEmpty ? "it has none" : "it has \(known)")))
            }
            guard found.count == 1 else {
                let numbers = found.map { String($0.site.id) }.joined(separator: ", ")
                throw ValidationError(
                    Terminal.escaped(
                        "the output folders \(numbers) are all at \(name), on machines of their own; name one by its number"
                    ))
            }
            if !chosen.contains(where: { $0.site == site.site }) { chosen.append(site) }
        }
        return chosen.sorted { $0.site.id < $1.site.id }
    }

    /// Returns the reason why nothing can be told for certain; `nil` when there is none.
    private func refusal(of lost: LostJobs, _ sites: [ListedSite]) -> String? {
        let faults = lost.report.faults
        if let fault = faults.first {
            let more =
                faults.count == 1 ? "" : ", and \(Format.count(faults.count - 1)) more faults"
            return Terminal.escaped(
                "nothing was put back, since the other output folders do not tell which jobs are lost: \(fault.sentence)\(more); all of them must be here, whole, at their places or where --folder says"
            )
        }
        if lost.completedBefore > 0 {
            return Terminal.escaped(
                "nothing was put back: \(Format.count(lost.completedBefore)) jobs of \(queue.path) were completed before there was an output folder, and cannot be told from those that are lost; fetch them again with a new queue"
            )
        }
        let records = sites.reduce(0) { $0 + $1.records }
        if lost.count > records {
            return Terminal.escaped(
                "nothing was put back: \(Format.count(lost.count)) completed jobs of \(queue.path) have no record elsewhere, and the queue knows of \(Format.count(records)) records there: see runner verify once the folder is back, or a copy"
            )
        }
        return nil
    }

    /// The jobs that are not fetched again, since their batches were cancelled.
    private func ofCancelled(_ lost: LostJobs, _ ledger: any JobLedger) async throws -> Int {
        var (known, count): ([Batch.ID: Bool], Int) = ([:], 0)
        try await lost.forEachWindow { batch, positions in
            if known[batch] == nil {
                let page = try await ledger.batches(from: batch, limit: 1)
                known[batch] = page.summaries.first?.cancelledAtMicros != nil
            }
            if known[batch] == true { count += positions.reduce(0) { $0 + $1.count } }
        }
        return count
    }
}
