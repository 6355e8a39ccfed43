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
    private let packer = ListPacker()
    private var lanes = HostLanes()
    /// The lines that wait for their block to be full, by lane.
    private var builders: [ListBlockBuilder] = []
    /// The bytes in `builders`.
    private var gathered = 0
    private var blocks: [ListBlock] = []
    private var blockBytes = 0
    private var counts = Counts()
    /// The position of the next block's first job.
    private var next = 0
    private var url: [UInt8] = []

    /// The most bytes of lines that wait for their block to be full.
    private static let gatheredMax = 24 << 20
    /// The bytes of packed blocks that are added in one transaction.
    private static let transactionBytes = 1 << 20

    /// - Parameters:
    ///   - rejected: Called for each row that is no request. If it throws, the import ends so.
    ///   - progressed: Called after each transaction. If it throws, the import ends so.
    public init(
        _ options: ImportOptions, rejected: @escaping (Rejection) throws -> Void,
        progressed: @escaping (Counts) throws -> Void
    ) {
        self.options = options
        self.rejected = rejected
        self.progressed = progressed
    }

    /// Adds all rows of the lists.
    ///
    /// - Parameters:
    ///   - format: `nil` to guess each list's.
    ///   - key: As in `JobQueue.enqueue`.
    /// - Returns: The batch, `nil` when there is no row that is a request; and the counts.
    /// - Throws: `ImportError`, `QueueError`, or what a callback throws; then nothing was added.
    public func add(
        _ lists: [ListSource], format: ListFormat?, separator: UInt8? = nil, to queue: any JobQueue,
        key: String?
    ) async throws -> (batch: Batch?, counts: Counts) {
        var list: (any ListImport)?
        var first: ImportPlan?
        do {
            for source in lists {
                let reader = try Self.open(source, format, separator)
                counts.list = source.name
                // An empty list has no columns to ask for.
                if reader.columns.isEmpty { continue }
                let plan = try ImportPlan(
                    options, reader.format, columns: reader.columns, of: source.name)
                if let first, first.fields != plan.fields || first.request != plan.request {
                    throw ImportError(
                        .otherColumns,
                        "\(source.name) has other columns than the list before it; each needs a batch of its own"
                    )
                }
                first = plan
                if list == nil { list = try await queue.addList(plan.request, plan.fields) }
                if let list { try await add(reader, plan, to: list) }
            }
            guard let list else { return (nil, counts) }
            for lane in builders.indices { take(lane) }
            try await hand(to: list)
            return (try await list.finish(key: key), counts)
        } catch {
            await list?.abandon()
            throw error
        }
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
        _ reader: ListReader, _ plan: ImportPlan, to list: any ListImport
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
                try reject(
                    reader, rejection.lineNumber, rejection.description, rejection.excerpt)
            case .row(let row):
                if let reason = add(row, plan) {
                    try reject(reader, reader.lineNumber, reason, excerpt(of: row, plan))
                }
            }
            if blockBytes >= Self.transactionBytes {
                try await hand(to: list)
                note(reader, skippedBefore)
                try progressed(counts)
            }
        }
    }

    private func note(_ reader: ListReader, _ skippedBefore: Int) {
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

    private func excerpt(of row: ListFields, _ plan: ImportPlan) -> [UInt8] {
        row.field(plan.columns[0]).map { Array($0.prefix(ListRejection.excerptBytesMax)) } ?? []
    }

    /// Adds a row to the block of its lane.
    ///
    /// - Returns: The reason the row is no request; `nil` when it is one.
    private func add(_ row: ListFields, _ plan: ImportPlan) -> String? {
        if row.isSitemap { return "is a sitemap of its own; fetch it, and add it as a list" }
        for field in plan.ofOneLine {
            let value = row.field(plan.columns[field])
            if value?.contains(where: { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F }) == true {
                return
                    "has a line break or another control character in '\(plan.fields.names[field])'"
            }
        }
        let lane: Int
        switch hostLane(of: row, plan) {
        case .success(let found): lane = found
        case .failure(let fault): return fault.reason
        }
        append(row, plan, to: lane)
        return nil
    }

    private func append(_ row: ListFields, _ plan: ImportPlan, to lane: Int) {
        while builders.count <= lane { builders.append(ListBlockBuilder()) }
        let before = builders[lane].byteCount
        builders[lane].beginLine(fields: plan.columns.count)
        for index in plan.columns.indices {
            let value = row.field(plan.columns[index])
            if row.isJSONBody, index == plan.fields.parts?.headers {
                JSONBodyHeaders.withFields(value) { builders[lane].append($0) }
            } else {
                builders[lane].append(value)
            }
        }
        gathered += builders[lane].byteCount - before
        counts.jobs += 1
        if builders[lane].isFull { take(lane) }
        while gathered > Self.gatheredMax {
            guard
                let largest = builders.indices.max(by: {
                    builders[$0].byteCount < builders[$1].byteCount
                })
            else { break }
            take(largest)
            builders[largest].shrink()
        }
    }

    /// Makes a block of the lines of a lane.
    private func take(_ lane: Int) {
        guard builders[lane].count > 0 else { return }
        gathered -= builders[lane].byteCount
        let block = builders[lane].take(first: next, lane: lane, packer)
        next += block.count
        blocks.append(block)
        blockBytes += block.bytes.count
    }

    private func hand(to list: any ListImport) async throws {
        guard !blocks.isEmpty else { return }
        try await list.add(blocks)
        blocks.removeAll(keepingCapacity: true)
        blockBytes = 0
    }

    // MARK: - Hosts

    /// The reason a URL cannot be asked for.
    private struct Fault: Error {
        let reason: String
    }

    private func hostLane(of row: ListFields, _ plan: ImportPlan) -> Result<Int, Fault> {
        if plan.hasWholeURLs, let field = row.field(plan.columns[0]) {
            return hostLane(ofURL: field)
        }
        let values = plan.columns.map { column in
            row.field(column).map { ArraySlice($0) }
        }
        let list = JobList(count: 1, request: plan.request, fields: plan.fields)
        url = list.url(of: values, at: 0)
        return url.withUnsafeBytes { hostLane(ofURL: $0) }
    }

    private func hostLane(ofURL url: UnsafeRawBufferPointer) -> Result<Int, Fault> {
        guard let end = URLCheck.authorityEnd(of: url) else {
            return .failure(Fault(reason: URLCheck.reason(against: url)))
        }
        let authority = UnsafeRawBufferPointer(rebasing: url[..<end])
        if let lane = lanes.lane(of: authority) { return .success(lane) }
        if let reason = URLCheck.reason(againstAuthority: authority) {
            return .failure(Fault(reason: reason))
        }
        return .success(lanes.add(authority))
    }
}
