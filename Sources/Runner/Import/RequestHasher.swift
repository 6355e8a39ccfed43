internal import JobStore
internal import Links

/// Hashes the requests of a list. Two requests have the same hash when they have the same method,
/// the same URL in normal form, the same header fields and the same body.
///
/// Of header fields, the names may be in either case, and the order counts among fields of one name
/// alone. References to the environment and to files are the same where they are written so: their
/// values are known to runs only.
struct RequestHasher {
    private let key: RequestHash.Key
    /// The list, for the texts that its lines stand for.
    private let list: JobList
    private let fields: [Field]
    private let body: TextTemplate?
    /// The hash of all but the URL, where the lines share it; `nil` where each has its own.
    private var shared: RequestHash?
    private var text: [UInt8] = []

    /// A header field of the template.
    private struct Field {
        let name: String
        /// The kind of field, and of its value.
        let kind: Unicode.Scalar
        let value: TextTemplate
    }

    init(_ request: RequestTemplate, _ fields: LineFields, _ key: RequestHash.Key) {
        self.key = key
        list = JobList(count: 1, request: request, fields: fields)
        let names = request.names.subtracting([""])
        self.fields = request.headers.map { source in
            switch source {
            case .file(let path):
                Field(name: "", kind: "f", value: TextTemplate(path.utf8, names: []))
            case .field(let field):
                switch (field.value, field.readsEnvironment) {
                case (.text(let text), let isReference):
                    Field(
                        name: field.name, kind: isReference ? "T" : "t",
                        value: TextTemplate(text.utf8, names: names))
                case (.credentials(let text), let isReference):
                    Field(
                        name: field.name, kind: isReference ? "C" : "c",
                        value: TextTemplate(text.utf8, names: names))
                case (.none, _):
                    Field(name: field.name, kind: "n", value: TextTemplate("".utf8, names: []))
                }
            }
        }
        body = request.body.map { TextTemplate($0.bytes, names: names) }
        let templates = self.fields.map(\.value) + (body.map { [$0] } ?? [])
        guard templates.allSatisfy(\.placeholders.isEmpty) else { return }
        shared = content(of: [], at: 0)
    }

    /// Whether lines have parts of a request other than the URL.
    var readsLines: Bool { shared == nil || list.fields.parts != nil }

    /// Returns the hash of a line's request.
    ///
    /// - Parameters:
    ///   - url: The URL of the request.
    ///   - line: The fields of the line; any where the hasher does not read them (`readsLines`).
    ///   - position: The position of the job, where it has one.
    mutating func hash(
        _ url: UnsafeRawBufferPointer, _ line: [ArraySlice<UInt8>?], at position: Int = 0
    ) -> RequestHash {
        let content = content(of: line, at: position)
        let room = url.count + 1 + RequestHash.byteCount
        if text.count < room { text = [UInt8](repeating: 0, count: 2 * room) }
        return text.withUnsafeMutableBytes { text in
            let end = NormalURL.write(url, to: text)
            text.storeBytes(of: content.high.bigEndian, toByteOffset: end, as: UInt64.self)
            text.storeBytes(
                of: content.low.bigEndian, toByteOffset: end + 8, as: UInt64.self)
            return SipHash.hash(
                UnsafeRawBufferPointer(rebasing: text[..<(end + RequestHash.byteCount)]), key)
        }
    }

    // MARK: - Method, header fields and body

    /// The hash of all but the URL.
    private func content(of line: [ArraySlice<UInt8>?], at position: Int) -> RequestHash {
        let parts = list.fields.parts
        let own = line.isEmpty ? nil : parts
        let (method, headers, ownBody) = (
            own.flatMap { line[$0.method] }, own.flatMap { line[$0.headers] },
            own.flatMap { line[$0.body] }
        )
        if let shared, method == nil, headers == nil, ownBody == nil { return shared }
        var text = method.map { Array($0) } ?? Array(list.request.method.rawValue.utf8)
        text.append(0)
        for field in merged(headers, line, position).sorted(by: Self.isBefore) {
            // Neither names nor values hold a zero.
            text += field.name + [field.kind, UInt8(ascii: ":")] + field.value + [0]
        }
        text.append(0)
        if let body = ownBody.map({ Array($0) }) ?? templateBody(line, position) {
            text.append(1)
            text += body
        }
        return text.withUnsafeBytes { SipHash.hash($0, key) }
    }

    /// A header field of one request.
    private struct SentField {
        /// In lower case.
        let name: [UInt8]
        let kind: UInt8
        let value: [UInt8]
        let place: Int
    }

    private static func isBefore(_ one: SentField, _ other: SentField) -> Bool {
        one.name == other.name
            ? one.place < other.place : one.name.lexicographicallyPrecedes(other.name)
    }

    /// The fields of the template, and in place of those of the same name the line's own.
    private func merged(
        _ headers: ArraySlice<UInt8>?, _ line: [ArraySlice<UInt8>?], _ position: Int
    ) -> [SentField] {
        var own: [SentField] = []
        for text in headers?.split(separator: UInt8(ascii: "\n")) ?? [] {
            // Lines are checked when they are added.
            guard let field = try? HeaderTemplate(parsing: String(decoding: text, as: UTF8.self))
            else { continue }
            switch field.value {
            case .text(let value), .credentials(let value):
                own.append(sent(field.name, "t", Array(value.utf8), own.count))
            case .none: own.append(sent(field.name, "n", [], own.count))
            }
        }
        let names = Set(own.map(\.name))
        let others = fields.enumerated().map { place, field in
            sent(
                field.name, field.kind,
                list.text(of: field.value, line, at: position, escaping: .none), place)
        }
        return others.filter { !names.contains($0.name) } + own
    }

    private func sent(
        _ name: String, _ kind: Unicode.Scalar, _ value: [UInt8], _ place: Int
    ) -> SentField {
        SentField(
            name: Array(name.lowercased().utf8), kind: UInt8(ascii: kind), value: value,
            place: place)
    }

    private func templateBody(_ line: [ArraySlice<UInt8>?], _ position: Int) -> [UInt8]? {
        guard let body, let syntax = list.request.body?.syntax else { return nil }
        return list.text(of: body, line, at: position, escaping: syntax.escaping)
    }
}
