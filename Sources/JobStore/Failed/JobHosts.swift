extension Batch {
    /// The host of all jobs, where their template alone tells it; `nil` where jobs must be looked
    /// at.
    public var hostOfTemplate: HostKey? {
        let request = source.request
        guard request.hasOneHost else { return nil }
        // Up to the first placeholder: the host stands before that.
        return HostKey(of: String(decoding: request.urlTemplate.texts[0], as: UTF8.self))
    }
}

/// Tells the hosts that the URLs of jobs name; redirects are left aside.
///
/// Lines of lists are read block by block, and the last block is kept: memory does not grow with the
/// jobs. Where a batch or a lane has one host, one line tells it.
public struct JobHosts: Sendable {
    private let ledger: any JobLedger
    private var last: (batchID: Batch.ID, hosts: BlockHosts)?

    public init(_ ledger: any JobLedger) { self.ledger = ledger }

    /// Calls a function with runs of consecutive jobs that go to one host, in order. Neighbouring
    /// runs may be of the same host.
    ///
    /// - Throws: `.damaged` when lines cannot be read.
    public mutating func forEach(
        of positions: Range<Int>, in batch: Batch, _ body: (Range<Int>, HostKey) -> Void
    ) async throws(QueueError) {
        guard !positions.isEmpty else { return }
        if let host = batch.hostOfTemplate { return body(positions, host) }
        switch batch.source {
        case .range(let ids, let request):
            for position in positions {
                body(position..<position + 1, HostKey(of: request.url(for: ids.id(at: position))))
            }
        case .list(let list):
            var next = positions.lowerBound
            while next < positions.upperBound {
                let block = try await hosts(at: next, of: batch, list)
                let end = list.hasOneHost ? positions.upperBound : block.positions.upperBound
                block.forEach(of: next..<min(end, positions.upperBound), body)
                next = end
            }
        }
    }

    private mutating func hosts(
        at position: Int, of batch: Batch, _ list: JobList
    ) async throws(QueueError) -> BlockHosts {
        if let last, last.batchID == batch.id,
            list.hasOneHost || last.hosts.positions.contains(position)
        {
            return last.hosts
        }
        let block = try await ledger.block(holding: position, of: batch)
        guard let hosts = BlockHosts(block, of: list) else {
            throw QueueError(
                .damaged,
                "the lines of jobs \(block.positions) of batch \(batch.id) cannot be read; restore a copy of the queue"
            )
        }
        last = (batch.id, hosts)
        return hosts
    }

    /// Returns those of some jobs that go to a host, as rising runs.
    ///
    /// - Parameter host: The host; `nil` for any.
    /// - Throws: `.damaged` when lines cannot be read.
    mutating func runs(
        of positions: Range<Int>, in batch: Batch, on host: HostPattern?
    ) async throws(QueueError) -> [Range<Int>] {
        guard let host else { return positions.isEmpty ? [] : [positions] }
        var runs: [Range<Int>] = []
        try await forEach(of: positions, in: batch) { run, key in
            guard host.matches(key) else { return }
            if let last = runs.last, last.upperBound == run.lowerBound {
                runs[runs.count - 1] = last.lowerBound..<run.upperBound
            } else {
                runs.append(run)
            }
        }
        return runs
    }
}

/// The hosts of the lines of a block.
package struct BlockHosts: Sendable {
    private let block: ListBlock
    private let lines: ListLines
    private let list: JobList
    /// Whether the first line tells the host of all.
    private let hasOneHost: Bool

    /// - Returns: `nil` when the lines cannot be read.
    package init?(_ block: ListBlock, of list: JobList) {
        guard let lines = block.lines(), lines.haveFields(list.fields.names.count) else {
            return nil
        }
        self.block = block
        self.lines = lines
        self.list = list
        hasOneHost = list.hasOneHost || ListLane(batchID: 0, number: block.lane).isOfOneHost
    }

    package var positions: Range<Int> { block.positions }

    /// - Parameter positions: Positions of the block; where the list has one host, any of the list.
    package func forEach(of positions: Range<Int>, _ body: (Range<Int>, HostKey) -> Void) {
        if hasOneHost { return body(positions, Self.key(beforePath(block.first))) }
        var (start, last) = (positions.lowerBound, beforePath(positions.lowerBound))
        for position in positions.dropFirst() {
            let next = beforePath(position)
            if next == last { continue }
            body(start..<position, Self.key(last))
            (start, last) = (position, next)
        }
        body(start..<positions.upperBound, Self.key(last))
    }

    /// The URL of a job up to its path: scheme and authority.
    private func beforePath(_ position: Int) -> ArraySlice<UInt8> {
        let fields = lines.fields(ofLine: position - block.first)
        let url = list.url(of: fields, at: position)
        let slash = UInt8(ascii: "/")
        let start = min((url.firstIndex(of: slash) ?? url.count) + 2, url.count)
        return url[..<(url[start...].firstIndex { "/?#".utf8.contains($0) } ?? url.count)]
    }

    private static func key(_ text: ArraySlice<UInt8>) -> HostKey {
        HostKey(of: String(decoding: text, as: UTF8.self))
    }
}
