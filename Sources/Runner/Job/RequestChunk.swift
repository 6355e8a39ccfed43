internal import JobStore

/// The requests of some jobs of a batch, prepared for a run: what they share is worked out once.
///
/// Of a range, all jobs are in one chunk: their URLs differ in the ID alone, and are written into a
/// buffer without an allocation.
final class RequestChunk: Sendable {
    let batch: Batch
    /// The host of all jobs; where each has its own (`hasOneHost`), one that stands for all.
    let host: Host
    /// The number of `host`, which is asked for several times a request.
    let hostID: Host.ID
    /// Whether all jobs go to one host, so that connections that fail are the host's trouble.
    let hasOneHost: Bool
    let url: IDText
    /// The URL as part of a JSON string, without user name and password.
    let jsonURL: IDText
    /// The URL without user name and password.
    let publicURL: IDText
    /// The path and query of the URL, when a job's ID stands in these alone and both may be sent as
    /// they are written; `nil` otherwise. With a target, the rest of the URL is parsed once for the
    /// whole batch.
    let target: Target?
    let isHTTPS: Bool
    let contents: ContentTemplate
    private let template: RequestTemplate
    private let firstID: Int

    /// The parts of a URL that differ from job to job; a part that does not differ is `nil`.
    struct Target: Equatable {
        let path: IDText?
        let query: IDText?
    }

    /// - Parameters:
    ///   - hosts: The hosts of the run.
    ///   - defaults: The part of requests that comes from the run.
    /// - Throws: When a variable or a file that the requests refer to is missing.
    init(
        _ batch: Batch, _ hosts: HostTable, _ defaults: RequestDefaults
    ) throws(RequestError) {
        self.batch = batch
        switch batch.source {
        case .range(let range, let template): (firstID, self.template) = (range.first, template)
        }
        url = IDText(template.urlTemplate)
        publicURL = IDText(template.publicURLTemplate)
        jsonURL = IDText(
            template.publicURLTemplate.mapTexts { text in
                var escaped: [UInt8] = []
                escaped.append(json: text)
                return escaped
            })
        target = Self.target(template.urlTemplate)
        contents = try defaults.contents(of: template)
        hasOneHost = template.hasOneHost
        let key = HostKey(of: template.url)
        isHTTPS = key.isHTTPS
        host = hasOneHost ? hosts.host(key) : hosts.standIn(for: batch.id, key)
        hostID = host.id
    }

    /// The request of a job.
    func request(at position: Int) -> JobRequest { JobRequest(chunk: self, position: position) }

    fileprivate func id(at position: Int) -> Int { firstID + position }

    fileprivate func hostKey(at position: Int) -> HostKey {
        hasOneHost ? host.key : HostKey(of: template.url(for: id(at: position)))
    }
}

/// The request of one job.
struct JobRequest {
    private let chunk: RequestChunk
    private let position: Int

    fileprivate init(chunk: RequestChunk, position: Int) {
        self.chunk = chunk
        self.position = position
    }

    /// The job's ID, which people see.
    var id: Int { chunk.id(at: position) }
    var method: HTTPMethod { chunk.contents.method }
    /// All of the request but its URL.
    var content: RequestContent { chunk.contents.content(for: id) }
    var host: HostKey { chunk.hostKey(at: position) }

    /// Appends the URL in UTF-8, without user name and password.
    func appendURL(to bytes: inout [UInt8]) { chunk.publicURL.append(id, to: &bytes) }

    /// Appends the URL, without user name and password, as the characters of a JSON string,
    /// without the quotes.
    func appendJSONURL(to bytes: inout [UInt8]) { chunk.jsonURL.append(id, to: &bytes) }
}

extension RequestChunk {
    /// Bytes that libcurl neither encodes, folds nor takes for the end of a part.
    private static let plain = Set("-._~!$&'()*+,;=:@/".utf8)

    private static func target(_ url: TextTemplate) -> Target? {
        let (slash, question) = (UInt8(ascii: "/"), UInt8(ascii: "?"))
        guard let first = url.texts.first,
            let colon = first.firstIndex(of: UInt8(ascii: ":")),
            let start = first[(colon + 3)...].firstIndex(where: { $0 == slash || $0 == question }),
            first[start] == slash
        else { return nil }
        let rest = url.dropping(first: start)
        let (pathTemplate, queryTemplate) = rest.split(at: question)
        let (path, query) = (pathTemplate.texts, queryTemplate?.texts ?? [])
        let isPlain = (path + query).joined().allSatisfy {
            plain.contains($0) || $0 == question || $0.isLetterOrDigit
        }
        // A segment of dots is resolved when a URL is parsed, not when a path is set.
        let hasDots = path.contains { part in
            zip(part, part.dropFirst()).contains { $0 == slash && $1 == UInt8(ascii: ".") }
        }
        guard isPlain, !hasDots else { return nil }
        let (pathText, queryText) = (IDText(pathTemplate), queryTemplate.map { IDText($0) })
        return Target(
            path: pathText.isFixed ? nil : pathText,
            query: queryText?.isFixed ?? true ? nil : queryText)
    }
}

extension UInt8 {
    var isLetterOrDigit: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
