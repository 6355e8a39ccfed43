internal import JobStore

/// The common part of all requests that jobs of one batch led to.
struct FoundKind {
    /// The template of the requests: the header fields of the batch, and of each line the rest.
    let request: RequestTemplate
    /// Whether the batch has header fields that are for its own host alone.
    let hasSecrets: Bool
    private var hasher: RequestHasher

    /// The fields of a line.
    static let fields = LineFields(
        ["url", "method", "headers", "body", "key", "meta", "found_on", "depth"], key: 4,
        parts: .init(method: 1, headers: 2, body: 3, meta: 5),
        trail: .init(foundOn: 6, depth: 7))

    /// - Parameter hasSecrets: Whether requests get fields from elsewhere that are for some hosts alone.
    init(of batch: Batch, _ key: RequestHash.Key, hasSecrets: Bool) {
        let template =
            switch batch.source {
            case .range(_, let template): template
            case .list(let list): list.request
            }
        let headers = template.headers.filter { Self.isShared($0, template.names) }
        do {
            request = try RequestTemplate(
                parsing: "{url}", fields: Self.fields.names, headers: headers)
        } catch {
            preconditionFailure("a URL that is a field makes a template: \(error)")
        }
        self.hasSecrets = hasSecrets || headers.contains(where: Self.isSecret)
        hasher = RequestHasher(request, Self.fields, key)
    }

    /// Whether a header field is the same for all jobs of its batch, and says nothing of a body.
    private static func isShared(_ source: HeaderSource, _ names: Set<String>) -> Bool {
        switch source {
        case .file: return true
        case .field(let field):
            guard !HeaderTemplate.isSame(field.name, "Content-Type") else { return false }
            switch field.value {
            case .text(let text), .credentials(let text):
                let template = TextTemplate(text.utf8, names: names.subtracting([""]))
                return template.placeholders.isEmpty
            case .none: return true
            }
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
