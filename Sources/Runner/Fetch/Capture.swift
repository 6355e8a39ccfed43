internal import Glibc
internal import JobStore

/// The parts of a response that are kept while it comes: its head and its body.
///
/// A worker's transfer fills a capture, and its loop renders it. A capture that is too large for
/// the loop goes to the writer instead.
public final class Capture: @unchecked Sendable {
    // @unchecked holds because one thread has it at a time: it is given away and taken back
    // (`Transfer.takeCapture`, `Collector.collect`, `Transfer.reuse`), never shared.

    /// The status line and the fields of the response, with their line ends, as they came.
    public private(set) var head: SpoolableBytes
    /// The body, decoded unless its encoding is kept.
    public private(set) var body: SpoolableBytes
    /// The responses on the way to this one, in order; empty without redirects.
    public private(set) var hops: [Hop] = []
    /// When the attempt began, as Unix time in µs; if redirects are archived, when the request of
    /// this response did.
    public internal(set) var startedMicros = 0
    /// The time from the job's first request to the end of this response, in µs.
    public internal(set) var durationMicros = 0
    /// The server's address as text; empty when nothing was connected.
    public internal(set) var remoteIP: [UInt8] = []
    /// The URL that the response came from, as libcurl has it. Known after a redirect, and when the
    /// format archives requests.
    public private(set) var finalURL: [UInt8] = []
    /// The version of HTTP that the response came by; `none` when nothing came.
    public internal(set) var httpVersion = HTTPVersion.none
    /// Whether the body was cut at its limit.
    public internal(set) var isCut = false

    /// A response that led on to another URL.
    public struct Hop: Sendable {
        /// The URL that was asked for, percent-encoded.
        public let url: [UInt8]
        /// The HTTP status of the response.
        public let status: Int
        /// The whole response if the format archives it; otherwise `nil`.
        public let response: Capture?
    }

    public enum HTTPVersion: Sendable { case none, http10, http11, http2 }

    private let storage: CaptureStorage

    init(_ storage: CaptureStorage) {
        self.storage = storage
        head = SpoolableBytes(storage)
        body = SpoolableBytes(storage)
    }

    /// The number of bytes that the capture holds, archived redirects included.
    public var count: Int {
        hops.reduce(head.count + body.count) { $0 + ($1.response?.count ?? 0) }
    }

    /// Whether none of the bytes are in the spool.
    public var isInMemory: Bool {
        head.isInMemory && body.isInMemory && hops.allSatisfy { $0.response?.isInMemory ?? true }
    }

    /// Whether the response came from another URL than was asked for.
    public var isRedirected: Bool { !hops.isEmpty }

    deinit { reset() }

    /// Returns a capture of the same attempt of which nothing has come.
    func makeEmpty() -> Capture {
        let capture = Capture(storage)
        capture.startedMicros = startedMicros
        return capture
    }

    /// Empties the capture for the next job.
    func reset() {
        resetResponse()
        hops = []
    }

    /// Empties the capture for another response of the same job.
    func resetResponse() {
        head.reset()
        body.reset()
        durationMicros = 0
        remoteIP.removeAll(keepingCapacity: true)
        finalURL.removeAll(keepingCapacity: true)
        httpVersion = .none
        isCut = false
    }

    /// Notes a redirect, and goes on to the response that it leads to.
    ///
    /// - Parameters:
    ///   - url: The URL that was asked for, percent-encoded.
    ///   - isArchived: Whether the response that led on is kept whole.
    func follow(from url: [UInt8], status: Int, isArchived: Bool, atMicros now: Int) {
        var response: Capture?
        if isArchived {
            let kept = Capture(storage)
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

    /// Begins a head. One that came before was interim (1xx), and is dropped.
    func beginHead() { head.reset() }

    func append(head line: UnsafeRawBufferPointer) throws(Errno) { try head.append(line) }

    /// Sets the URL that the response came from, percent-encoded where needed.
    func setFinalURL(_ url: [UInt8]) { finalURL = url }

    func append(body bytes: UnsafeRawBufferPointer) throws(Errno) { try body.append(bytes) }
}
