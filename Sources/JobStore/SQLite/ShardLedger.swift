/// Shards of one larger queue as that queue, to look at: its batches, with what of their jobs is in
/// these shards.
///
/// Shards that are not there leave gaps. A few files are open at a time, however many shards there
/// are; memory grows with the number of shards and batches.
public actor ShardLedger: JobLedger {
    nonisolated public var countsInterval: Duration { .zero }

    private let files: [ShardFile]
    /// Whether all shards of the larger queue are here.
    private let areAll: Bool
    /// The shards of the larger queue that are not here, as text; `nil` when all are.
    nonisolated public let missing: String?
    /// The pieces of each batch, by rising position in the whole.
    private let pieces: [Batch.ID: [Piece]]
    private let ids: [Batch.ID]
    private let sitesFound: [SiteOfShard]
    /// The shards that are open, the one used last at the end.
    private var open: [(index: Int, queue: SQLiteQueue)] = []

    private static let openMax = 8

    /// The part of a batch that a shard holds.
    struct Piece: Sendable {
        /// The index of the shard among those that are here.
        let shard: Int
        /// The position of its first job in the whole.
        let first: Int
        let count: Int
        /// The number of jobs of the whole.
        let wholeCount: Int

        var positions: Range<Int> { first..<first + count }
    }

    private struct SiteOfShard: Sendable {
        let shard: Int
        let site: Site
    }

    /// Opens the queues at some paths, if they are shards of one larger queue.
    ///
    /// - Returns: `nil` where none of them is a shard.
    /// - Throws: `.unfit` where they are not shards of one queue, or hold a job twice.
    public init?(_ paths: [String]) async throws(QueueError) {
        guard let shards = try await ShardFiles(paths) else { return nil }
        missing = shards.missing
        files = shards.files
        areAll = shards.areAll
        var pieces: [Batch.ID: [Piece]] = [:]
        var sites: [SiteOfShard] = []
        for (index, file) in shards.files.enumerated() {
            let queue = try SQLiteQueue(path: file.path, access: .read)
            do throws(QueueError) {
                for (id, piece) in try await queue.pieces(ofShard: index) {
                    let last = pieces[id]?.last
                    guard piece.first >= last?.positions.upperBound ?? 0,
                        last?.wholeCount ?? piece.wholeCount == piece.wholeCount
                    else {
                        throw QueueError(
                            .unfit,
                            "batch \(id) of \(file.path) is no piece of that batch of \(shards.files[last?.shard ?? 0].path)"
                        )
                    }
                    pieces[id, default: []].append(piece)
                }
                // The records of a larger queue's output are of all shards.
                for site in try await queue.sitesOfShard(includesCarried: shards.areAll) {
                    sites.append(SiteOfShard(shard: index, site: site))
                }
                await queue.close()
            } catch {
                await queue.close()
                throw error
            }
        }
        self.pieces = pieces
        ids = pieces.keys.sorted()
        sitesFound = sites
    }

    /// The paths of the shards that are here, by rising number.
    nonisolated public var paths: [String] { files.map(\.path) }

    /// Opens a shard, or finds it open.
    private func queue(_ index: Int) throws(QueueError) -> SQLiteQueue {
        if let place = open.firstIndex(where: { $0.index == index }) {
            let found = open.remove(at: place)
            open.append(found)
            return found.queue
        }
        let queue = try SQLiteQueue(path: files[index].path, access: .read)
        open.append((index, queue))
        return queue
    }

    /// Closes those that were not used of late. Called at the end of each call, so that none is closed
    /// while it is asked.
    private func closeOld() async {
        while open.count > Self.openMax {
            let (_, queue) = open.removeFirst()
            await queue.close()
        }
    }

    private func forEachShard(
        _ body: (SQLiteQueue) async throws(QueueError) -> Void
    ) async throws(QueueError) {
        for index in files.indices {
            try await body(try queue(index))
            await closeOld()
        }
    }

    public func close() async {
        for (_, queue) in open { await queue.close() }
        open = []
    }

    // MARK: - Counts

    public func counts(of batch: Batch.ID?) async throws(QueueError) -> QueueCounts {
        var sum = QueueCounts(total: 0, running: 0, retriesRunning: 0, outcomes: [], runs: [])
        if let batch {
            for piece in pieces[batch] ?? [] {
                sum = sum.joined(with: try await queue(piece.shard).counts(of: batch))
                await closeOld()
            }
            return sum
        }
        try await forEachShard { (queue) async throws(QueueError) in
            sum = sum.joined(with: try await queue.counts(of: nil))
        }
        return sum
    }

    public func setting(_ name: String) async throws(QueueError) -> String? {
        guard !files.isEmpty else { return nil }
        return try await queue(0).setting(name)
    }

    public func hostsHeldBack(limit: Int) async throws(QueueError) -> [HostPace] { [] }

    public func references(of batch: Batch.ID?) async throws(QueueError) -> [HeaderSource] {
        guard !files.isEmpty else { return [] }
        return try await queue(0).references(of: batch)
    }

    public func unfinishedLists() async throws(QueueError) -> [UnfinishedList] { [] }

    public func recordsSupersededMax(of batch: Batch.ID) async throws(QueueError) -> Int {
        var sum = 0
        for piece in pieces[batch] ?? [] {
            sum += try await queue(piece.shard).recordsSupersededMax(of: batch)
            await closeOld()
        }
        return sum
    }

    // MARK: - Output

    public func sites() -> [Site] { sitesFound.indices.map { Site(id: $0) } }

    public func output(of site: Site) async throws(QueueError) -> QueueOutput {
        let place = sitesFound[site.id]
        let output = try await queue(place.shard).output(of: place.site)
        await closeOld()
        guard areAll else { return output }
        // Told of once, for all of them.
        var unrecorded = 0
        if site.id == 0 {
            try await forEachShard { (queue) async throws(QueueError) in
                unrecorded += try await queue.unrecordedOfShard()
            }
        }
        return QueueOutput(
            settings: output.settings, files: output.files, completedBefore: unrecorded)
    }

    /// The folder of the file of the shard that has a site, links resolved.
    public func folder(ofShardWith site: Site) -> String {
        QueueFile.folder(ofFileAt: files[sitesFound[site.id].shard].path)
    }

    // MARK: - Jobs

    public func batch(named name: String) async throws(QueueError) -> Batch? {
        var found: Batch?
        try await forEachShard { (queue) async throws(QueueError) in
            if found == nil { found = try await queue.batch(named: name) }
        }
        guard let found else { return nil }
        return try await whole(found)
    }

    /// The larger batch of a piece, or of any piece of it.
    private func whole(_ batch: Batch) async throws(QueueError) -> Batch {
        guard let first = pieces[batch.id]?.first else { return batch }
        let piece = try await queue(first.shard).batches(from: batch.id, limit: 1).summaries.first
        return first.whole(of: piece?.batch ?? batch)
    }

    public func batches(from id: Batch.ID, limit: Int) async throws(QueueError) -> BatchPage {
        var summaries: [BatchSummary] = []
        let wanted = ids.drop { $0 < id }
        for id in wanted.prefix(limit) {
            var sum: BatchSummary?
            for piece in pieces[id] ?? [] {
                let page = try await queue(piece.shard).batches(from: id, limit: 1)
                await closeOld()
                guard let next = page.summaries.first, next.batch.id == id else { continue }
                sum = sum?.joined(with: next) ?? next.whole(piece)
            }
            if let sum { summaries.append(sum) }
        }
        return BatchPage(summaries, next: wanted.dropFirst(limit).first)
    }

    public func page(from place: LedgerPlace) async throws(QueueError) -> LedgerPage {
        guard let (id, piece) = piece(from: place) else { return LedgerPage(spans: [], next: nil) }
        let start = id == place.batchID ? max(0, place.position - piece.first) : 0
        let page = try await queue(piece.shard)
            .page(from: LedgerPlace(batchID: id, position: start))
        await closeOld()
        // The shard goes on with its next batch; the whole, with the next shard.
        var spans: [LedgerPage.Span] = []
        var batch: Batch?
        for span in page.spans where span.batch.id == id {
            let whole = batch ?? piece.whole(of: span.batch)
            batch = whole
            spans.append(
                .init(
                    batch: whole,
                    positions: span.positions.lowerBound + piece.first..<span.positions.upperBound
                        + piece.first,
                    state: span.state, outcome: span.outcome))
        }
        let end =
            page.next.map {
                $0.batchID == id ? $0.position + piece.first : piece.positions.upperBound
            }
            ?? piece.positions.upperBound
        let next = LedgerPlace(batchID: id, position: end)
        return LedgerPage(spans: spans, next: self.piece(from: next) == nil ? nil : next)
    }

    /// The piece that holds a place, or the first one behind it.
    private func piece(from place: LedgerPlace) -> (Batch.ID, Piece)? {
        if let found = pieces[place.batchID]?.first(where: {
            $0.positions.upperBound > place.position
        }) {
            return (place.batchID, found)
        }
        guard let next = ids.first(where: { $0 > place.batchID }), let first = pieces[next]?.first
        else { return nil }
        return (next, first)
    }

    public func block(
        holding position: Int, of batch: Batch
    ) async throws(QueueError) -> ListBlock {
        guard let piece = pieces[batch.id]?.first(where: { $0.positions.contains(position) }) else {
            throw QueueError(
                .damaged, "job \(position) of batch \(batch.id) is in none of the queues")
        }
        let queue = try queue(piece.shard)
        guard
            let own = try await queue.batches(from: batch.id, limit: 1).summaries.first?.batch
        else {
            throw QueueError(.damaged, "batch \(batch.id) of \(files[piece.shard].path) is gone")
        }
        let block = try await queue.block(holding: position - piece.first, of: own)
        await closeOld()
        return ListBlock(
            first: block.first + piece.first, count: block.count, lane: block.lane,
            bytes: block.bytes)
    }

    /// Checks a shard in each window.
    public func verify(from place: LedgerPlace) async throws(QueueError) -> VerifiedWindow {
        let index = place.batchID
        guard files.indices.contains(index) else { return VerifiedWindow(faults: []) }
        let window = try await queue(index).verify(from: .start)
        await closeOld()
        return VerifiedWindow(
            faults: window.faults.map { "\(files[index].path): \($0)" },
            next: index + 1 < files.count ? LedgerPlace(batchID: index + 1, position: 0) : nil)
    }
}
