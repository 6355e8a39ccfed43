internal import JobStore

/// The requests of a block of a list.
final class ListRequests: Sendable {
    private let source: JobList
    private let first: Int
    /// The number of the block's lane (`ListLane`).
    let lane: Int
    private let lines: ListLines
    private let contents: ContentTemplate
    /// Bytes that hold the URLs: those of the lines where these are the URLs, so that a block is in
    /// memory once.
    private let urls: [UInt8]
    private let places: [Place]

    /// The place of a URL in `urls`, and of its parts.
    private struct Place {
        let start: UInt32
        /// The end of scheme, user, host and port.
        let authorityEnd: UInt32
        let end: UInt32
        /// Whether path and query may be sent as they are written.
        let isPlain: Bool

        init(_ url: Range<Int>, in bytes: [UInt8]) {
            let authority = bytes.authorityStart(from: url.lowerBound, to: url.upperBound)
            let authorityEnd = bytes.authorityEnd(from: authority, to: url.upperBound)
            let target = bytes[authorityEnd..<url.upperBound]
            isPlain =
                target.first == UInt8(ascii: "/") && target.allSatisfy(\.isPlainInTarget)
                && !PlainTarget.hasDots(target)
            start = UInt32(url.lowerBound)
            self.authorityEnd = UInt32(authorityEnd)
            end = UInt32(url.upperBound)
        }
    }

    /// - Throws: When a variable or a file that the requests refer to is missing.
    /// - Returns: `nil` when the block cannot be read.
    init?(
        _ block: ListBlock, of source: JobList, _ defaults: RequestDefaults
    ) throws(RequestError) {
        guard let lines = block.lines(), lines.haveFields(source.fields.names.count) else {
            return nil
        }
        self.source = source
        self.lines = lines
        first = block.first
        lane = block.lane
        contents = try defaults.contents(of: source.request)
        var places: [Place] = []
        places.reserveCapacity(lines.count)
        if source.request.isWholeURL {
            urls = lines.bytes
            for index in 0..<lines.count {
                guard let url = lines.firstField(ofLine: index) else { return nil }
                places.append(Place(url.indices, in: urls))
            }
        } else {
            var urls: [UInt8] = []
            for index in 0..<lines.count {
                let start = urls.count
                urls += source.url(of: lines.fields(ofLine: index), at: first + index)
                places.append(Place(start..<urls.count, in: urls))
            }
            self.urls = urls
        }
        self.places = places
    }

    /// The ID of a job.
    func id(at position: Int) -> Int { source.id(at: position) }

    private func place(_ position: Int) -> Place { places[position - first] }

    /// Scheme, user, host and port of a job's URL.
    func authority(at position: Int) -> ArraySlice<UInt8> {
        let place = place(position)
        return urls[Int(place.start)..<Int(place.authorityEnd)]
    }

    func url(at position: Int) -> ArraySlice<UInt8> {
        let place = place(position)
        return urls[Int(place.start)..<Int(place.end)]
    }

    /// The path and query, when both may be sent as they are written.
    func target(at position: Int) -> ArraySlice<UInt8>? {
        let place = place(position)
        return place.isPlain ? urls[Int(place.authorityEnd)..<Int(place.end)] : nil
    }

    /// All of a job's request but its URL.
    func content(at position: Int) -> RequestContent {
        // Most lists: nothing but URLs.
        if source.fields.parts == nil, let shared = contents.shared { return shared }
        let fields = lines.fields(ofLine: position - first)
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
        source.key(of: lines.fields(ofLine: position - first))
    }

    /// Where the request was found; `nil` when it was enqueued.
    func trail(at position: Int) -> FoundTrail? {
        guard let trail = source.fields.trail else { return nil }
        let fields = lines.fields(ofLine: position - first)
        return FoundTrail(foundOn: fields[trail.foundOn], depth: fields[trail.depth])
    }

    /// Appends the values that the line has for the output, as JSON; nothing when it has none.
    ///
    /// - Parameter prefix: Appended before the values.
    func appendMeta(at position: Int, after prefix: StaticString, to bytes: inout [UInt8]) {
        let fields = lines.fields(ofLine: position - first)
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
