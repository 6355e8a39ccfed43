public import JobStore
public import Lists

/// Adds the rows of lists to a queue as one batch, in memory that does not grow with them.
public final class ListImporter {
    /// A row that is no request.
    public struct Rejection: Sendable {
        /// The name of the list.
        public let list: String
        /// The line where the row begins, counted from 1.
        public let lineNumber: Int
        /// The reason in a few words: `has no host`.
        public let reason: String
        /// The first bytes of the row, 200 at most.
        public let excerpt: [UInt8]
    }

    /// The state of an import.
    public struct Counts: Sendable {
        public var jobs = 0
        public var rejected = 0
        /// The rows that were left out since their requests are not new.
        public var duplicates = 0
        /// The jobs of lists queued before that the new requests were first to be compared with.
        public var compared = 0
        /// Blank lines and comments.
        public var skipped = 0
        /// The bytes of the list under way that were read, as they lie there.
        public var bytesRead = 0
        /// The size of that list; `nil` for a pipe.
        public var byteCount: Int?
        /// The name of that list.
        public var list = ""
    }

    private let options: ImportOptions
    private let rejected: (Rejection) throws -> Void
    private let progressed: (Counts) throws -> Void
    private let noted: (String) throws -> Void
    private let transport: ListTransport
    /// The state that changes with each row, in one value: so Swift checks the access to it once a
    /// row.
    private var gathering = LineGathering()
    /// The set that rows are compared with; `nil` where duplicates are rows like others.
    private var unique: (any UniqueListImport)?
    private var counts = Counts()
    /// The rows of the list under way, rejected ones included.
    private var entries = 0

    /// The bytes of packed blocks that are added in one transaction.
    private static let transactionBytes = 1 << 20

    /// - Parameters:
    ///   - rejected: Called for each row that is no request. If it throws, the import ends so.
    ///   - progressed: Called after each transaction. If it throws, the import ends so.
    ///   - noted: Called with a sentence about a list that is not as it should be, and was read all
    ///     the same. If it throws, the import ends so.
    ///   - transport: Fetches the sitemaps that an index names.
    public init(
        _ options: ImportOptions, transport: ListTransport = ListTransport(),
        rejected: @escaping (Rejection) throws -> Void,
        progressed: @escaping (Counts) throws -> Void,
        noted: @escaping (String) throws -> Void = { _ in }
    ) {
        self.options = options
        self.transport = transport
        self.noted = noted
        self.rejected = rejected
        self.progressed = progressed
    }

    /// Adds all rows of the lists. The sitemaps that an index names are fetched, and stand in its
    /// place, in its order.
    ///
    /// - Parameters:
    ///   - format: `nil` to guess each list's.
    ///   - label: As in `JobQueue.enqueue`.
    /// - Returns: The batch, `nil` when there is no row that is a request, or a new one; whether it
    ///   is new, not one that another process gave the label's key meanwhile; and the counts.
    /// - Throws: `ImportError`, `QueueError`, or what a callback throws; then nothing was added.
    public func add(
        _ lists: [ListSource], format: ListFormat?, separator: UInt8? = nil, to queue: any JobQueue,
        as label: BatchLabel
    ) async throws -> (batch: Batch?, isNew: Bool, counts: Counts) {
        // Else memory grows by the buffers of each list's reader, 0.7 MB a sitemap of 50,000 URLs.
        MachineLimits.keepLargeBlocksApart()
        var target = Target(queue: queue)
        do {
            for source in lists {
                let index = try await add(source, format, separator, to: &target)
                for number in 0..<index.count {
                    let sitemap = transport.list(at: index[number], namedBy: source.name)
                    let nested = try await add(sitemap, .sitemap, nil, to: &target)
                    guard nested.count == 0 else { throw ImportError.nested(sitemap, in: index) }
                }
            }
            guard let list = target.list else { return (nil, false, counts) }
            try await compare(list)
            gathering.endAll()
            try await hand(to: list)
            (counts.jobs, counts.duplicates) = (gathering.jobs, gathering.duplicates)
            let made = try await list.finish(as: label, hasOneHost: gathering.hasOneHost)
            return (made?.batch, made?.isNew ?? false, counts)
        } catch {
            await (target.list ?? unique)?.abandon()
            throw error
        }
    }

    /// The place that rows go to.
    private struct Target {
        let queue: any JobQueue
        /// `nil` before the first list with columns.
        var list: (any ListImport)?
        /// The plan of that list, whose requests the others' must be like.
        var plan: ImportPlan?
    }

    /// Adds the rows of one list.
    ///
    /// - Returns: The sitemaps that the list names, if it is an index.
    private func add(
        _ source: ListSource, _ format: ListFormat?, _ separator: UInt8?, to target: inout Target
    ) async throws -> SitemapIndex {
        let reader = try Self.open(source, format, separator)
        counts.list = source.name
        var index = SitemapIndex(name: source.name)
        // An empty list has no columns to ask for.
        if reader.columns.isEmpty { return index }
        let plan = try ImportPlan(options, reader.format, columns: reader.columns, of: source.name)
        if let first = target.plan, first.fields != plan.fields || first.request != plan.request {
            throw ImportError(
                .otherColumns,
                "\(source.name) has other columns than the list before it; each needs a batch of its own"
            )
        }
        target.plan = plan
        let list: any ListImport
        if let begun = target.list {
            list = begun
        } else {
            list = try await begin(plan, in: target.queue)
            target.list = list
        }
        entries = 0
        try await add(reader, plan, to: list, &index)
        if reader.format == .sitemap,
            entries > SitemapIndex.entriesMax || reader.position > SitemapIndex.bytesMax
        {
            try noted(
                "\(source.name) has \(entries) entries in \(reader.position) bytes; the protocol allows a sitemap \(SitemapIndex.entriesMax) in \(SitemapIndex.bytesMax). All were read"
            )
        }
        return index
    }

    private func begin(
        _ plan: ImportPlan, in queue: any JobQueue
    ) async throws -> any ListImport {
        guard options.isUnique else { return try await queue.addList(plan.request, plan.fields) }
        let list = try await queue.addUniqueList(plan.request, plan.fields)
        unique = list
        gathering = LineGathering(
            hasher: RequestHasher(plan.request, plan.fields, list.hashKey))
        let name = counts.list
        var last = 0
        while let outside = try await list.listOutside(after: last) {
            last = outside.id
            counts.list = "batch \(outside.id)"
            try await ListHashing(of: outside, in: queue).takeIn(by: list) { lines in
                counts.compared += lines
                try progressed(counts)
            }
        }
        counts.list = name
        return list
    }

    /// Checks that lists can be read, and have the columns that are asked for.
    ///
    /// - Parameter lists: Lists that can be read more than once.
    public static func check(
        _ lists: [ListSource], _ options: ImportOptions, format: ListFormat?, separator: UInt8?
    ) throws(ImportError) {
        for source in lists {
            let reader = try open(source, format, separator)
            guard !reader.columns.isEmpty else { continue }
            _ = try ImportPlan(options, reader.format, columns: reader.columns, of: source.name)
        }
    }

    private static func open(
        _ source: ListSource, _ format: ListFormat?, _ separator: UInt8?
    ) throws(ImportError) -> ListReader {
        do throws(ListError) {
            return try ListReader(
                source: source, format: format, options: ListOptions(separator: separator))
        } catch {
            throw ImportError(error)
        }
    }

    // MARK: - Rows

    private func add(
        _ reader: ListReader, _ plan: ImportPlan, to list: any ListImport,
        _ index: inout SitemapIndex
    ) async throws {
        let skippedBefore = counts.skipped
        while true {
            let row: ListRow?
            do throws(ListError) {
                row = try reader.next()
            } catch {
                throw ImportError(error)
            }
            switch row {
            case nil:
                note(reader, skippedBefore)
                return try progressed(counts)
            case .rejected(let rejection):
                entries += 1
                try reject(
                    reader, rejection.lineNumber, rejection.description, rejection.excerpt)
            case .waiting: continue
            case .row(let row) where row.isSitemap:
                // Of a sitemap, the URL is the first column, and not empty.
                if let url = row.field(0) { try index.add(url, line: reader.lineNumber) }
            case .row(let row):
                entries += 1
                if let reason = gathering.add(row, plan) {
                    try reject(reader, reader.lineNumber, reason, plan.excerpt(of: row))
                }
            }
            if gathering.mustCompare {
                try await compare(list)
                note(reader, skippedBefore)
                try progressed(counts)
            }
            if gathering.blockBytes >= Self.transactionBytes {
                try await hand(to: list)
                note(reader, skippedBefore)
                try progressed(counts)
            }
        }
    }

    private func note(_ reader: ListReader, _ skippedBefore: Int) {
        counts.jobs = gathering.jobs
        counts.duplicates = gathering.duplicates
        counts.skipped = skippedBefore + reader.blankLines + reader.comments
        counts.bytesRead = reader.bytesRead
        counts.byteCount = reader.byteCount
    }

    private func reject(
        _ reader: ListReader, _ lineNumber: Int, _ reason: String, _ excerpt: [UInt8]
    ) throws {
        counts.rejected += 1
        try rejected(
            Rejection(list: counts.list, lineNumber: lineNumber, reason: reason, excerpt: excerpt))
    }

    /// Drops the rows that are held and not new, and adds the others.
    private func compare(_ list: any ListImport) async throws {
        guard let unique else { return }
        let hashes = gathering.distinctHashes()
        let known = try await unique.known(hashes)
        gathering.drop(known: known)
        // Hashes and lines may come one after another: none is seen before the list is finished.
        var new: [RequestHash] = []
        new.reserveCapacity(hashes.count)
        for (hash, isKnown) in zip(hashes, known) where !isKnown { new.append(hash) }
        try await unique.add(new)
        while gathering.release(blockBytes: Self.transactionBytes) { try await hand(to: list) }
    }

    private func hand(to list: any ListImport) async throws {
        let blocks = gathering.takeBlocks()
        if !blocks.isEmpty { try await list.add(blocks) }
    }
}
