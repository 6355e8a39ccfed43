internal import JobStore
internal import Synchronization

/// The requests of a block of a list.
///
/// A block is in memory as long as one of its jobs is, of which a slow host may keep a few for long:
/// once most have ended, the lines of the others are copied out (`keep`).
final class ListRequests: Sendable {
    private let source: JobList
    /// The positions of the block's jobs.
    let positions: Range<Int>
    /// The number of the block's lane (`ListLane`).
    let lane: Int
    private let contents: ContentTemplate
    private let kept: Locked<Lines>

    /// - Throws: When a variable or a file that the requests refer to is missing.
    /// - Returns: `nil` when the block cannot be read.
    init?(
        _ block: ListBlock, of source: JobList, _ defaults: RequestDefaults
    ) throws(RequestError) {
        guard let lines = block.lines(), lines.haveFields(source.fields.names.count),
            let kept = Lines(lines, first: block.first, of: source)
        else { return nil }
        self.source = source
        positions = block.positions
        lane = block.lane
        contents = try defaults.contents(of: source.request)
        self.kept = Locked(kept)
    }

    /// Makes a copy with the line of one job alone, which stays.
    init(_ other: ListRequests, only position: Int) {
        source = other.source
        lane = other.lane
        contents = other.contents
        positions = other.positions
        let lines = other.lines
        kept = Locked(lines.only([position], of: other.source) ?? lines)
    }

    /// The lines at present. Whoever has them keeps them in memory.
    private var lines: Lines { kept.withLock { $0 } }

    /// Forgets all lines but those of some jobs.
    ///
    /// - Parameter positions: The positions of these jobs, by rising position. Only they may be asked
    ///   for from now on.
    func keep(_ positions: [Int]) {
        guard let fewer = lines.only(positions, of: source) else { return }
        kept.withLock { $0 = fewer }
    }

    /// The bytes of the lines that are kept.
    var byteCount: Int { lines.byteCount }

    /// The ID of a job.
    func id(at position: Int) -> Int { source.id(at: position) }

    /// Scheme, user, host and port of a job's URL.
    func authority(at position: Int) -> ArraySlice<UInt8> { lines.authority(at: position) }

    func url(at position: Int) -> ArraySlice<UInt8> { lines.url(at: position) }

    /// The path and query, when both may be sent as they are written.
    func target(at position: Int) -> ArraySlice<UInt8>? { lines.target(at: position) }

    /// All of a job's request but its URL.
    func content(at position: Int) -> RequestContent {
        // Most lists: nothing but URLs.
        if source.fields.parts == nil, let shared = contents.shared { return shared }
        let fields = lines.fields(at: position)
        guard let parts = source.fields.parts else {
            return contents.content(of: source, fields, at: position)
        }
        if let shared = contents.shared, fields[parts.method] == nil, fields[parts.headers] == nil,
            fields[parts.body] == nil
        {
            return shared
        }
        return contents.content(of: source, fields, at: position)
            .replacing(
                method: fields[parts.method], headers: fields[parts.headers],
                body: fields[parts.body])
    }

    func method(at position: Int) -> HTTPMethod { content(at: position).method }

    /// The line's own key; `nil` when it has none.
    func key(at position: Int) -> ArraySlice<UInt8>? {
        source.key(of: lines.fields(at: position))
    }

    /// Where the request was found; `nil` when it was enqueued.
    func trail(at position: Int) -> FoundTrail? {
        guard let trail = source.fields.trail else { return nil }
        let fields = lines.fields(at: position)
        return FoundTrail(foundOn: fields[trail.foundOn], depth: fields[trail.depth])
    }

    /// Appends the values that the line has for the output, as JSON; nothing when it has none.
    ///
    /// - Parameter prefix: Appended before the values.
    func appendMeta(at position: Int, after prefix: StaticString, to bytes: inout [UInt8]) {
        let fields = lines.fields(at: position)
        if let parts = source.fields.parts {
            guard let meta = fields[parts.meta] else { return }
            bytes.append(prefix)
            return bytes.append(contentsOf: meta)
        }
        guard !source.fields.kept.isEmpty else { return }
        bytes.append(prefix)
        for (index, field) in source.fields.kept.enumerated() {
            bytes.append(index == 0 ? "{\"" : ",\"")
            bytes.append(json: Array(source.fields.names[field].utf8))
            bytes.append("\":")
            if let value = fields[field] {
                bytes.append("\"")
                bytes.append(json: Array(value))
                bytes.append("\"")
            } else {
                bytes.append("null")
            }
        }
        bytes.append("}")
    }
}

extension RequestContent {
    /// Returns the content with the parts that a line of a list has of its own.
    ///
    /// - Parameters:
    ///   - headers: Header fields, `Name: value` one a line, in place of those of the same name.
    fileprivate func replacing(
        method: ArraySlice<UInt8>?, headers: ArraySlice<UInt8>?, body: ArraySlice<UInt8>?
    ) -> RequestContent {
        var own: [Field] = []
        for line in headers?.split(separator: UInt8(ascii: "\n")) ?? [] {
            // Lines are checked when they are added.
            guard let header = try? HeaderTemplate(parsing: String(decoding: line, as: UTF8.self))
            else { continue }
            switch header.value {
            case .text(let text), .credentials(let text):
                own.append(Field(header.name, Array(text.utf8)))
            case .none: own.append(Field(header.name, nil))
            }
        }
        let others = fields.filter { field in
            !own.contains { HeaderTemplate.isSame($0.name, field.name) }
        }
        return RequestContent(
            method: method.map { HTTPMethod(rawValue: String(decoding: $0, as: UTF8.self)) }
                ?? self.method,
            fields: others + own, body: body.map { Array($0) } ?? self.body.map { Array($0) })
    }
}
