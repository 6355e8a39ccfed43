internal import JobStore

/// The common part of all requests that jobs of one batch led to.
struct FoundKind {
    /// The template of the requests: the header fields of the batch, and of each line the rest.
    let request: RequestTemplate
    /// Whether the batch has header fields that are for its own host alone.
    let hasSecrets: Bool
    private var hasher: RequestHasher

    /// The fields of a line.
    let fields: LineFields

    private static let names = [
        "url", "method", "headers", "body", "key", "meta", "found_on", "depth",
    ]

    /// Returns the fields of lines, by names of which no header field has any in braces: such a text
    /// stands for itself in the batch, and does here.
    private static func fields(beside headers: [HeaderSource]) -> LineFields {
        var names = names
        while headers.contains(where: { has(placeholdersOf: names, $0) }) {
            names = names.map { "_" + $0 }
        }
        return LineFields(
            names, key: 4, parts: .init(method: 1, headers: 2, body: 3, meta: 5),
            trail: .init(foundOn: 6, depth: 7))
    }

    /// - Parameter hasSecrets: Whether requests get fields from elsewhere that are for some hosts alone.
    init(of batch: Batch, _ key: RequestHash.Key, hasSecrets: Bool) {
        let template =
            switch batch.source {
            case .range(_, let template): template
            case .list(let list): list.request
            }
        let headers = template.headers.filter { Self.isShared($0, template.names) }
        fields = Self.fields(beside: headers)
        do {
            request = try RequestTemplate(
                parsing: "{\(fields.names[0])}", fields: fields.names, headers: headers)
        } catch {
            preconditionFailure("a URL that is a field makes a template: \(error)")
        }
        self.hasSecrets = hasSecrets || headers.contains(where: Self.isSecret)
        hasher = RequestHasher(request, fields, key)
    }

    /// Whether a header field is the same for all jobs of its batch, and says nothing of a body.
    private static func isShared(_ source: HeaderSource, _ names: Set<String>) -> Bool {
        switch source {
        case .file: return true
        case .field(let field):
            return !HeaderTemplate.isSame(field.name, "Content-Type")
                && !has(placeholdersOf: names.subtracting([""]), source)
        }
    }

    private static func has(
        placeholdersOf names: some Sequence<String>, _ source: HeaderSource
    ) -> Bool {
        guard case .field(let field) = source else { return false }
        switch field.value {
        case .text(let text), .credentials(let text):
            return !TextTemplate(text.utf8, names: Set(names)).placeholders.isEmpty
        case .none: return false
        }
    }

    static func isSecret(_ source: HeaderSource) -> Bool {
        switch source {
        case .file: true
        case .field(let field):
            field.readsEnvironment || field.isSecret || HeaderTemplate.isSame(field.name, "Host")
        }
    }

    mutating func hash(_ url: [UInt8], _ line: [[UInt8]?]) -> RequestHash {
        let line = line.map { $0.map { $0[...] } }
        return url.withUnsafeBytes { hasher.hash($0, line) }
    }
}
