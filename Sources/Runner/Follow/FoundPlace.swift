internal import JobStore
internal import Links

/// The place where requests were found.
struct FoundPlace: ~Copyable {
    private let trail: FoundTrail
    private let address: PageAddress
    private let host: HostKey
    private let seed: Scope.Seed
    private let options: FollowOptions

    /// The reason that a request is not followed.
    struct Cut: Error {
        let reason: FollowCut
    }

    /// - Returns: `nil` when the page has no URL that anything could be relative to.
    init?(_ page: FollowedPage, _ options: FollowOptions) {
        let job = page.job
        let found = job.request.trail
        host = job.request.host
        var bytes: [UInt8] = []
        job.request.appendURL(to: &bytes)
        let own = String(decoding: bytes, as: UTF8.self)
        let url = page.finalURL.isEmpty ? own : String(decoding: page.finalURL, as: UTF8.self)
        // Where a job was enqueued, its user meant the place that it leads to. A host or a domain stays
        // the same along the way, a folder does not: it comes along.
        guard let seed = Scope.Seed(url: found.map { $0.root ?? own } ?? url) else { return nil }
        self.seed = seed
        trail = FoundTrail(
            batchID: job.batchID, id: job.id, depth: (found?.depth ?? 0) + 1,
            root: found?.root ?? (options.reach == .prefix ? seed.folderURL : nil))
        address = PageAddress(url, by: ParsedURL())
        self.options = options
    }

    /// Returns the URL of a request that is to be followed, or the reason that it is not.
    func look(
        at request: FollowRequest, _ kind: FoundKind, _ scope: inout Scope
    ) -> Result<[UInt8], Cut> {
        guard trail.depth <= options.depthMax else { return .failure(Cut(reason: .depth)) }
        guard let url = address.url(of: Array(request.url.utf8)), isSound(request, url) else {
            return .failure(Cut(reason: .malformed))
        }
        if case .cut(let reason) = scope.verdict(on: url, from: seed) {
            return .failure(Cut(reason: FollowCut(reason)))
        }
        if kind.hasSecrets, HostKey(of: url) != host { return .failure(Cut(reason: .credentials)) }
        return .success(Array(url.utf8))
    }

    private func isSound(_ request: FollowRequest, _ url: String) -> Bool {
        let reason = Array(url.utf8).withUnsafeBytes { bytes -> String? in
            guard let end = URLCheck.authorityEnd(of: bytes) else { return "no URL" }
            return URLCheck.reason(
                againstAuthority: UnsafeRawBufferPointer(rebasing: bytes[..<end]))
        }
        let size =
            url.utf8.count + (request.body?.count ?? 0) + (request.meta?.count ?? 0)
            + (request.key?.utf8.count ?? 0)
        guard reason == nil, size < LineFields.lineBytesMax / 2 else { return false }
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
        // As in curl, an empty value is written with a semicolon: a colon alone leaves the field out.
        headers.map { $0.value.isEmpty ? "\($0.name);" : "\($0.name): \($0.value)" }
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

extension FollowCut {
    fileprivate init(_ reason: Scope.Reason) {
        self =
            switch reason {
            case .notHTTP: .malformed
            case .outOfReach: .scope
            case .notMatched, .skipped: .skipped
            case .tooLong, .tooDeep, .repeatedSegment, .repeatedSequence, .tooManyParameters,
                .tooManyQueries:
                .trap
            }
    }
}
