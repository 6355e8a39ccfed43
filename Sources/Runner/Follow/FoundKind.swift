internal import JobStore

/// What all requests have in common that jobs of one batch led to.
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

    init(of batch: Batch, _ key: RequestHash.Key) {
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
        hasSecrets = headers.contains(where: Self.isSecret)
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

    private static func isSecret(_ source: HeaderSource) -> Bool {
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

/// The place where requests were found.
struct FoundPlace {
    private let trail: FoundTrail
    private let base: [UInt8]
    private let host: HostKey
    /// The host that the response came from, of a job that was enqueued; `nil` for others.
    private let finalHost: HostKey?
    private let options: FollowOptions

    struct Cut: Error {
        let reason: FollowCut
    }

    init(_ page: FollowedPage, _ options: FollowOptions) {
        let job = page.job
        let depth = job.request.trail?.depth ?? 0
        trail = FoundTrail(batchID: job.batchID, id: job.id, depth: depth + 1)
        host = job.request.host
        if page.finalURL.isEmpty {
            var url: [UInt8] = []
            job.request.appendURL(to: &url)
            base = url
            finalHost = nil
        } else {
            base = page.finalURL
            finalHost =
                depth == 0 ? HostKey(of: String(decoding: page.finalURL, as: UTF8.self)) : nil
        }
        self.options = options
    }

    /// Returns the URL of a request that is to be followed, or the reason that it is not.
    func look(
        at request: FollowRequest, _ kind: FoundKind, _ reference: inout URLReference
    ) -> Result<[UInt8], Cut> {
        guard trail.depth <= options.depthMax else { return .failure(Cut(reason: .depth)) }
        let trimmed = request.url.utf8.drop { $0 <= 0x20 }
        guard let url = reference.resolve(Array(trimmed), on: base), isSound(request, url) else {
            return .failure(Cut(reason: .malformed))
        }
        let target = HostKey(of: String(decoding: url, as: UTF8.self))
        let isAtHome = target.isNeighbour(of: host) || finalHost.map(target.isNeighbour) ?? false
        if options.scope == .host, !isAtHome { return .failure(Cut(reason: .scope)) }
        if kind.hasSecrets, target != host { return .failure(Cut(reason: .credentials)) }
        return .success(url)
    }

    private func isSound(_ request: FollowRequest, _ url: [UInt8]) -> Bool {
        let reason = url.withUnsafeBytes { bytes -> String? in
            guard let end = URLCheck.authorityEnd(of: bytes) else { return "no URL" }
            return URLCheck.reason(
                againstAuthority: UnsafeRawBufferPointer(rebasing: bytes[..<end]))
        }
        guard reason == nil else { return false }
        let size =
            url.count + (request.body?.count ?? 0) + (request.meta?.count ?? 0)
            + (request.key?.utf8.count ?? 0)
        guard size < LineFields.lineBytesMax / 2 else { return false }
        if request.headers.isEmpty, request.body == nil, request.method == .get { return true }
        do throws(RequestTemplate.Malformed) {
            var headers: [HeaderSource] = []
            for line in Self.lines(of: request.headers) {
                headers.append(.field(try HeaderTemplate(parsing: line)))
            }
            try RequestTemplate(
                parsing: "http://host/{id}", method: request.method, headers: headers,
                body: request.body.map { BodyTemplate($0, .raw) }
            ).check()
            return true
        } catch {
            return false
        }
    }

    private static func lines(of headers: [(name: String, value: String)]) -> [String] {
        headers.map { "\($0.name): \($0.value)" }
    }

    /// The values of `FoundKind.fields`.
    func line(of request: FollowRequest, _ url: [UInt8]) -> [[UInt8]?] {
        let headers = Self.lines(of: request.headers).joined(separator: "\n")
        return [
            url, request.method == .get ? nil : Array(request.method.rawValue.utf8),
            headers.isEmpty ? nil : Array(headers.utf8), request.body,
            request.key.map { Array($0.utf8) }, request.meta, trail.foundOn,
            Array(String(trail.depth).utf8),
        ]
    }
}

extension HostKey {
    /// Whether another host has the same name, and the same port or, as it has, that of its scheme.
    fileprivate func isNeighbour(of other: HostKey) -> Bool {
        name == other.name && port == other.port
    }
}
