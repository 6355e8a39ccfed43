internal import JobStore
internal import Lists

/// Gathers the rows of lists in blocks, by the lane of their host. Pure but for the packing.
struct LineGathering {
    private let packer = ListPacker()
    private var lanes: HostLanes
    /// The lines that wait for their block to be full, by lane.
    private var builders: [ListBlockBuilder] = []
    /// The bytes in `builders`.
    private var gathered = 0
    private var blocks: [ListBlock] = []
    /// The bytes of the blocks that `takeBlocks` returns.
    private(set) var blockBytes = 0
    /// The position of the next block's first job.
    private var next: Int
    /// The bytes of lines that blocks were made of, and of these blocks.
    private var packing = (plain: 0, packed: 0)
    /// The number of rows taken.
    private(set) var jobs = 0
    /// The rows that wait to be compared, of a list without duplicates.
    private var held = HeldLines()
    /// Hashes rows; `nil` where duplicates are rows like others.
    private var hasher: RequestHasher?

    /// The most bytes of lines that wait for their block to be full.
    private static let gatheredMax = 24 << 20

    /// Gathers the rows of a list from its beginning.
    ///
    /// - Parameter hasher: Hashes rows; `nil` where duplicates are rows like others.
    init(hasher: RequestHasher? = nil) {
        self.init(HostLanes(), first: 0)
        self.hasher = hasher
    }

    /// - Parameter first: The position of the first job in its batch.
    init(_ lanes: HostLanes, first: Int) {
        self.lanes = lanes
        next = first
    }

    /// The bytes that blocks of all rows which `takeBlocks` has not returned yet will about have, if
    /// lines are packed as tightly as those before; a sixteenth of the lines' bytes at least, which
    /// bounds the blocks where lines are of another kind from some place on.
    var expectedBytes: Int {
        let share = packing.plain > 0 ? Double(packing.packed) / Double(packing.plain) : 1
        return blockBytes + Int(Double(gathered) * max(share, 1.0 / 16))
    }

    /// Adds a row to the block of its lane; of a list without duplicates, it is held until these
    /// were dropped.
    ///
    /// - Returns: The reason the row is no request; `nil` when it is one.
    mutating func add(_ row: ListFields, _ plan: ImportPlan) -> String? {
        for field in plan.ofOneLine {
            let value = row.field(plan.columns[field])
            if value?.contains(where: { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F }) == true {
                return
                    "has a line break or another control character in '\(plan.fields.names[field])'"
            }
        }
        if let reason = Self.reason(againstPartsOf: row, plan) { return reason }
        if plan.hasWholeURLs, let url = row.field(plan.columns[0]) { return add(row, plan, url) }
        let list = JobList(count: 1, request: plan.request, fields: plan.fields)
        let url = list.url(of: Self.values(of: row, plan), at: 0)
        return url.withUnsafeBytes { add(row, plan, $0) }
    }

    private mutating func add(
        _ row: ListFields, _ plan: ImportPlan, _ url: UnsafeRawBufferPointer
    ) -> String? {
        let lane: Int
        switch hostLane(ofURL: url) {
        case .success(let found): lane = found
        case .failure(let fault): return fault.reason
        }
        guard hasher != nil else {
            let before = begin(lane)
            Self.write(row, plan, to: &builders[lane])
            end(lane, before)
            return nil
        }
        let line = hasher!.readsLines ? Self.values(of: row, plan) : []
        held.hold(hasher!.hash(url, line), lane: lane) { Self.write(row, plan, to: &$0) }
        return nil
    }

    /// The fields of a row as its line keeps them.
    private static func values(of row: ListFields, _ plan: ImportPlan) -> [ArraySlice<UInt8>?] {
        plan.columns.indices.map { index in
            let value = row.field(plan.columns[index])
            guard row.isJSONBody, index == plan.fields.parts?.headers else {
                return value.map { ArraySlice($0) }
            }
            var headers: [UInt8] = []
            JSONBodyHeaders.withFields(value) { headers += $0 }
            return headers[...]
        }
    }

    /// Says why a row's own method, headers and body make no request; `nil` when they do.
    private static func reason(againstPartsOf row: ListFields, _ plan: ImportPlan) -> String? {
        guard let parts = plan.fields.parts else { return nil }
        func text(_ field: Int) -> String? {
            row.field(plan.columns[field]).map { String(decoding: $0, as: UTF8.self) }
        }
        do throws(RequestTemplate.Malformed) {
            var method = plan.request.method
            if let own = text(parts.method) { method = try HTTPMethod(parsing: own) }
            var headers: [HeaderSource] = []
            for line in text(parts.headers)?.split(separator: "\n") ?? [] {
                headers.append(.field(try HeaderTemplate(parsing: String(line))))
            }
            let hasBody = row.field(plan.columns[parts.body]) != nil || plan.request.body != nil
            // As a template: what is refused there for a whole batch is refused here for a row.
            try RequestTemplate(
                parsing: "http://host/{id}", method: method, headers: headers,
                body: hasBody ? BodyTemplate([], .raw) : nil
            ).check()
            return nil
        } catch {
            return error.description
        }
    }

    /// Writes the line of a row.
    private static func write(
        _ row: ListFields, _ plan: ImportPlan, to builder: inout ListBlockBuilder
    ) {
        builder.beginLine(fields: plan.columns.count)
        for index in plan.columns.indices {
            let value = row.field(plan.columns[index])
            if row.isJSONBody, index == plan.fields.parts?.headers {
                JSONBodyHeaders.withFields(value) { builder.append($0) }
            } else {
                builder.append(value)
            }
        }
    }

    /// Prepares for a line of a lane.
    ///
    /// - Returns: The bytes of the lane's lines.
    private mutating func begin(_ lane: Int) -> Int {
        while builders.count <= lane { builders.append(ListBlockBuilder()) }
        return builders[lane].byteCount
    }

    /// Counts a line of a lane, and makes blocks where it is time.
    ///
    /// - Parameter before: The bytes of the lane's lines before it.
    private mutating func end(_ lane: Int, _ before: Int) {
        gathered += builders[lane].byteCount - before
        jobs += 1
        if builders[lane].isFull { take(lane) }
        while gathered > Self.gatheredMax {
            guard
                let largest = builders.indices.max(by: {
                    builders[$0].byteCount < builders[$1].byteCount
                })
            else { break }
            take(largest)
        }
    }

    /// Makes a block of the lines of a lane.
    private mutating func take(_ lane: Int) {
        guard builders[lane].count > 0 else { return }
        let byteCount = builders[lane].byteCount
        gathered -= byteCount
        let block = builders[lane].take(first: next, lane: lane, packer)
        packing = (packing.plain + byteCount, packing.packed + block.bytes.count)
        // Lanes that fill by themselves, one after another, keep no memory.
        builders[lane].shrink()
        next += block.count
        blocks.append(block)
        blockBytes += block.bytes.count
    }

    /// Makes blocks of all the lines that wait.
    mutating func endAll() { for lane in builders.indices { take(lane) } }

    /// Returns the blocks made since the last call.
    mutating func takeBlocks() -> [ListBlock] {
        defer {
            blocks.removeAll(keepingCapacity: true)
            blockBytes = 0
        }
        return blocks
    }

    // MARK: - Duplicates

    /// Whether rows wait to be compared, so many that it is time.
    var mustCompare: Bool { held.isFull }
    /// The number of rows that were dropped.
    var duplicates: Int { held.dropped }

    /// Drops rows whose request another row that is held has.
    ///
    /// - Returns: The hashes of the rows that are left, rising.
    mutating func distinctHashes() -> [RequestHash] { held.distinctHashes() }

    /// Drops rows whose requests are known.
    ///
    /// - Parameter known: Whether the request is known, for each of `distinctHashes`.
    mutating func drop(known: [Bool]) { held.drop(known: known) }

    /// Adds rows that are left to the blocks of their lanes, in order, until blocks have so many
    /// bytes.
    ///
    /// - Returns: Whether rows are still held.
    mutating func release(blockBytes: Int) -> Bool {
        while self.blockBytes < blockBytes {
            guard let line = held.next() else { return false }
            let before = begin(line.lane)
            builders[line.lane].append(lineAt: line.bytes, of: held.lines)
            end(line.lane, before)
        }
        return true
    }

    // MARK: - Hosts

    /// Whether all rows taken go to one host.
    var hasOneHost: Bool { lanes.hasOneHost }

    /// The reason a URL cannot be asked for.
    private struct Fault: Error {
        let reason: String
    }

    private mutating func hostLane(ofURL url: UnsafeRawBufferPointer) -> Result<Int, Fault> {
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
