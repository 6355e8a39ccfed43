internal import Glibc

/// What is kept of a response while it comes: its header and its body.
///
/// A worker's transfer fills it, its loop renders it; one that is too large for the loop goes to
/// the writer instead.
final class Capture: @unchecked Sendable {
    // @unchecked holds because one thread has it at a time: it is handed on, never shared.

    /// The status line and the fields of the response, with their line ends, as they came.
    private(set) var head: SpoolableBytes
    private(set) var body: SpoolableBytes
    /// The responses on the way to this one, in order, when it came of redirects.
    private(set) var hops: [Hop] = []
    /// When the attempt began, Unix time in µs, and how long it took.
    var startedMicros = 0
    var durationMicros = 0
    /// Text, empty when nothing was connected.
    var remoteIP: [UInt8] = []
    /// Where the response came from, as libcurl has it; known after a redirect, and where the
    /// format archives requests.
    private(set) var finalURL: [UInt8] = []
    var httpVersion = HTTPVersion.none
    /// Whether the body was cut at its limit.
    var isCut = false

    /// A response that led on to another URL.
    struct Hop: Sendable {
        /// What was asked for, percent-encoded.
        let url: [UInt8]
        let status: Int
        /// All of it, where the format archives it.
        let response: Capture?
    }

    enum HTTPVersion { case none, http10, http11, http2 }

    private let limits: SpoolableBytes.Limits

    init(_ limits: SpoolableBytes.Limits) {
        self.limits = limits
        head = SpoolableBytes(limits)
        body = SpoolableBytes(limits)
    }

    /// Bytes of all it holds.
    var count: Int { hops.reduce(head.count + body.count) { $0 + ($1.response?.count ?? 0) } }

    /// Whether none of it is in the spool.
    var isInMemory: Bool {
        head.isInMemory && body.isInMemory && hops.allSatisfy { $0.response?.isInMemory ?? true }
    }

    /// Whether the response came from another URL than was asked for.
    var isRedirected: Bool { !hops.isEmpty }

    deinit { reset() }

    /// For the next request.
    func reset() {
        resetResponse()
        hops = []
    }

    /// For another response of the same job.
    func resetResponse() {
        head.reset()
        body.reset()
        durationMicros = 0
        remoteIP.removeAll(keepingCapacity: true)
        finalURL.removeAll(keepingCapacity: true)
        httpVersion = .none
        isCut = false
    }

    /// Goes on to where a redirect leads.
    ///
    /// - Parameters:
    ///   - url: What was asked for, percent-encoded.
    ///   - isArchived: Whether the response that led on is kept whole.
    func follow(from url: [UInt8], status: Int, isArchived: Bool, atMicros now: Int) {
        var response: Capture?
        if isArchived {
            let kept = Capture(limits)
            swap(&kept.head, &head)
            swap(&kept.body, &body)
            swap(&kept.remoteIP, &remoteIP)
            kept.startedMicros = startedMicros
            kept.httpVersion = httpVersion
            kept.finalURL = url
            response = kept
        }
        hops.append(Hop(url: url, status: status, response: response))
        resetResponse()
        startedMicros = isArchived ? now : startedMicros
    }

    /// A head begins: what came before was interim (1xx).
    func beginHead() { head.reset() }

    func append(head line: UnsafeRawBufferPointer) throws(Errno) { try head.append(line) }

    /// Takes where the response came from, percent-encoded where needed.
    func setFinalURL(_ url: [UInt8]) { finalURL = url }

    func append(body bytes: UnsafeRawBufferPointer) throws(Errno) { try body.append(bytes) }
}
