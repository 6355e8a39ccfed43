internal import JobStore
internal import Links

extension Follower {
    /// The most jobs of ranges whose requests are taken into the set: it takes 16 bytes for each.
    static let rangeJobsMax = 1_000_000

    /// Takes the right to add to a queue's set of requests, and puts the requests in it that the queue
    /// has and the set does not: those of lists, and of ranges up to a million jobs in all.
    ///
    /// - Parameters:
    ///   - headers: The header fields that the run gives each request.
    ///   - isStopped: Whether the run is to end; asked now and then.
    /// - Returns: `nil` when the run is to end.
    /// - Throws: `ScopeFault` when a text of the options is no expression; `.busy` while a list is added without duplicates, or another run follows.
    static func open(
        _ queue: any JobQueue, _ options: FollowOptions, headers: [HeaderSource],
        isStopped: () -> Bool
    ) async throws -> Follower? {
        let scope = try Scope(
            options.reach, match: options.match, skip: options.skip, guards: options.guards)
        let kind = try RequestTemplate(parsing: "{url}", fields: ["url"])
        let set = try await queue.addUniqueList(kind, LineFields(["url"]))
        do {
            var last: Batch.ID = 0
            while let batch = try await set.listOutside(after: last) {
                try await ListHashing(of: batch, in: queue).takeIn(by: set) { _ in
                    if isStopped() { throw CancellationError() }
                }
                last = batch.id
            }
            var next: Batch.ID? = 1
            var room = rangeJobsMax
            while let id = next {
                let page = try await queue.batches(from: id)
                for summary in page.summaries {
                    if isStopped() { throw CancellationError() }
                    try await takeIn(summary.batch, by: set, &room)
                }
                next = page.next
            }
            return Follower(set, options, scope, headers: headers)
        } catch {
            await set.abandon()
            if error is CancellationError { return nil }
            throw error
        }
    }

    private static func takeIn(
        _ batch: Batch, by set: any UniqueListImport, _ room: inout Int
    ) async throws {
        guard case .range(let range, let template) = batch.source, range.count <= room
        else { return }
        room -= range.count
        var hashes: Set<RequestHash> = []
        // As lines that have the URL alone: what is found has no body of a template.
        var hasher = RequestHasher(
            template, LineFields([TextTemplate.Placeholder.idName]), set.hashKey)
        for position in 0..<range.count {
            let id = range.first + position * range.step
            let url = template.urlTemplate.text(for: id)
            let line = [Array(String(id).utf8)[...]]
            hashes.insert(url.withUnsafeBytes { hasher.hash($0, line, at: position) })
        }
        let all = hashes.sorted()
        let new = zip(all, try await set.known(all)).filter { !$0.1 }.map(\.0)
        guard !new.isEmpty else { return }
        try await set.add(new)
        try await set.takeIn(batch)
    }
}
