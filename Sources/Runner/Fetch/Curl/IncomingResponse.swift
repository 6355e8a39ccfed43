internal import Glibc
internal import JobStore

/// The response to one request, from its first byte on. Limits its size, decodes it, and keeps the
/// parts that are to be kept.
///
/// Not copyable, so that no use through a pointer makes a hidden copy.
struct IncomingResponse: ~Copyable {
    private unowned(unsafe) let settings: TransferSettings  // of the loop, which outlives transfers
    private var head: ResponseHead
    /// The number of body bytes so far, after decoding unless the output keeps the encoding.
    private(set) var bodyBytes = 0
    /// The number of body bytes so far, as they came.
    private(set) var receivedBytes = 0
    /// The time in µs from when the request was sent to the first byte; -1 while it is not known.
    var firstByteMicros = -1
    private var fields = ResponseFields()
    /// Whether any head, interim ones included, sets a cookie.
    private(set) var setsCookies = false
    private var decoder: ContentDecoder?
    /// The reason to take no more of the response; `nil` as long as there is none.
    private var stop: Stop?

    private enum Stop {
        /// The body was cut at its limit; the response counts as whole.
        case cut
        /// The response is a redirect, and the rest of its body is not waited for.
        case abandoned
        /// The response is no valid one, or cannot be kept.
        case refused(Response.Failure)
    }

    /// The most bytes that are read of a redirect's body so that its connection can be used again.
    private static let redirectBytesMax = 64 << 10

    /// The part of the response that is kept; `nil` when nothing is.
    private var capture: Capture?
    /// Takes the body in place of the capture; `nil` when the response is a job's.
    private var aside: BoundedBody?
    /// Called when a head begins to come; `nil` when no caller needs it.
    private var headBegins: (() -> Void)?

    /// The memory that libcurl holds for the head.
    private var heldHead: HeldHead

    init(_ settings: TransferSettings) {
        self.settings = settings
        heldHead = HeldHead(settings.budget)
        head = ResponseHead(bytesMax: settings.headBytesMax)
    }

    /// - Parameters:
    ///   - aside: Takes the body of a response that is no job's.
    ///   - headBegins: Called when a head begins to come.
    mutating func reset(
        keepingIn capture: Capture?, or aside: BoundedBody? = nil, headBegins: (() -> Void)? = nil
    ) {
        releaseHead()
        self = IncomingResponse(settings)
        self.capture = capture
        self.aside = aside
        aside?.reset()
        self.headBegins = headBegins
    }

    /// Lets go of the capture, which belongs to someone else once the response has ended.
    mutating func end() {
        capture = nil
        aside = nil
    }

    /// About how many bytes libcurl holds for the head.
    var heldBytes: Int { heldHead.bytes }

    /// Notes that libcurl has freed the head, or is about to.
    mutating func releaseHead() { heldHead.release() }

    // MARK: - What libcurl calls

    /// Takes bytes that libcurl gives to the write function.
    ///
    /// - Returns: Whether the transfer may go on.
    // Inlined, because it comes for each line of a head: as a call it takes 130 instructions more a
    // request.
    @inline(__always)
    mutating func received(_ bytes: UnsafeRawBufferPointer) -> Bool {
        return awaitsHead ? check(piece: bytes) : take(body: bytes)
    }

    /// Takes a line that libcurl gives to the header function.
    ///
    /// - Returns: Whether the transfer may go on.
    mutating func received(line: UnsafeRawBufferPointer) -> Bool {
        guard heldHead.add(line: line.count) else {
            // There is no memory for more of it: the job is given back.
            stop = .refused(.cancelled)
            return false
        }
        let wasOpen = head.isOpen
        let isTaken = take(line: line)
        if !wasOpen, head.isOpen { headBegins?() }
        return isTaken
    }

    var headBytes: Int { head.bytes }
    var hasRetryAfter: Bool { fields.hasRetryAfter }
    var awaitsHead: Bool { !head.isWhole }
    var isHeadOpen: Bool { head.isOpen }

    /// Whether the response is a redirect that is followed.
    ///
    /// A user agent may follow a 301, 302, 303, 307 and 308 by itself (RFC 9110, 15.4). A 300 lets
    /// a person choose; 304, 305 and 306 lead nowhere.
    var leadsOn: Bool {
        guard fields.hasLocation, settings.redirectsMax > 0 || aside != nil else { return false }
        return switch head.status {
        case 301, 302, 303, 307, 308: true
        default: false
        }
    }

    /// Whether the body was cut at its limit; the response then counts as whole.
    var isCut: Bool {
        if case .cut = stop { true } else { false }
    }

    /// Whether the response is a redirect, and the rest of its body is not waited for.
    var isAbandoned: Bool {
        if case .abandoned = stop { true } else { false }
    }

    /// The reason why the response was refused before its end; `nil` when it was not.
    var fault: Response.Failure? {
        if case .refused(let failure) = stop { failure } else { nil }
    }

    /// Returns the reason why a response that ended without an error is still no valid one; `nil`
    /// when it is valid.
    ///
    /// > Any response to a HEAD request and any response with a 1xx, 204, or 304 status code is always
    /// > terminated by the first empty line after the header fields, regardless of the header fields
    /// > present in the message <https://www.rfc-editor.org/rfc/rfc9112#section-6.3>
    ///
    /// - Parameter method: The method of the request.
    func faultAtEnd(of method: HTTPMethod) -> Response.Failure? {
        if !head.isWhole { return .reason(.badResponse) }
        if method == .head || head.status == 204 || head.status == 304 { return nil }
        if isCut || leadsOn || isEncodingKept { return nil }
        if let decoder { return decoder.hasEnded ? nil : .reason(.badResponse) }
        // Encoded, and nothing came: an empty body where its end was told, else one that was cut.
        return !fields.codings.isEncoded || fields.isFramed ? nil : .reason(.badResponse)
    }

    // MARK: - The head

    /// Checks a piece of a line before libcurl keeps it.
    ///
    /// - Returns: Whether libcurl may keep it.
    mutating func check(piece: UnsafeRawBufferPointer) -> Bool {
        do throws(ResponseHead.Refusal) {
            try head.check(piece)
            return true
        } catch {
            refuse(error)
            return false
        }
    }

    /// - Returns: `nil` when the line is refused.
    private mutating func kind(of line: UnsafeRawBufferPointer) -> ResponseHead.Line? {
        do throws(ResponseHead.Refusal) {
            return try head.take(line)
        } catch {
            refuse(error)
            return nil
        }
    }

    private mutating func refuse(_ refusal: ResponseHead.Refusal) {
        stop = .refused(.reason(refusal == .tooLarge ? .tooLarge : .badResponse))
    }

    /// Takes a whole line of the head.
    ///
    /// - Returns: Whether the transfer may go on.
    mutating func take(line: UnsafeRawBufferPointer) -> Bool {
        // Where lines do not come to the write function, this is the first look at them.
        // Trailers never do.
        if !settings.checksHeadsAhead || head.isWhole, !check(piece: line) { return false }
        guard let kind = kind(of: line) else { return false }
        switch kind {
        case .status:
            fields = ResponseFields()
            capture?.beginHead()
        case .field: if fields.note(line) { setsCookies = true }
        case .end:
            // If a redirect is read to its end, its connection can be used again, unless the server
            // closes it.
            guard leadsOn, !archivesRedirects, fields.isClosing || !fields.isFramed else {
                return true
            }
            stop = .abandoned
            return false
        case .trailer: return true
        }
        guard let capture else { return true }
        do throws(Errno) {
            try capture.append(head: line)
            return true
        } catch {
            lose(error)
            return false
        }
    }

    // MARK: - The body

    private var isEncodingKept: Bool { settings.isEncodingKept && aside == nil }
    private var archivesRedirects: Bool { settings.archivesRedirects && aside == nil }

    /// Takes a piece of the body, before it is decoded.
    ///
    /// - Returns: Whether the transfer may go on.
    mutating func take(body bytes: UnsafeRawBufferPointer) -> Bool {
        receivedBytes += bytes.count
        // What leads on is read to its end and thrown away, unless it is archived as it comes.
        guard fields.codings.isEncoded || fields.codings.isUnknown, !leadsOn else {
            return keep(bytes)
        }
        if isEncodingKept {
            // Codings of the transfer are not archived, and there is no need to undo one: none is
            // asked for.
            if fields.codings.ofTransfer.isEmpty { return keep(bytes) }
            stop = .refused(.reason(.badResponse))
            return false
        }
        if decoder == nil {
            guard !fields.codings.isUnknown else {
                stop = .refused(.reason(.badResponse))
                return false
            }
            decoder = ContentDecoder.make(for: fields.codings.applied)
        }
        guard let decoder else { return keep(bytes) }
        do throws(ContentDecoder.Broken) {
            return try decoder.decode(bytes) { keep($0) }
        } catch {
            stop = .refused(.reason(.badResponse))
            return false
        }
    }

    /// Counts bytes of the body against its limit, and keeps them. libcurl 7.88's own limit does
    /// not see unknown or decompressed lengths.
    private mutating func keep(_ bytes: UnsafeRawBufferPointer) -> Bool {
        if leadsOn, !archivesRedirects,
            bodyBytes + bytes.count > min(Self.redirectBytesMax, settings.bodyBytesMax)
        {
            stop = .abandoned
            return false
        }
        if let aside, !leadsOn {
            bodyBytes += bytes.count
            if !aside.append(bytes) { stop = .cut }
            return !isCut
        }
        let room = settings.bodyBytesMax - bodyBytes
        bodyBytes += min(room, bytes.count)
        if bytes.count > room {
            guard settings.cutsLargeBodies else {
                stop = .refused(.reason(.tooLarge))
                return false
            }
            stop = .cut
        }
        if let capture, let keeping = settings.keeping, keeping.keepsBodies,
            !leadsOn || archivesRedirects
        {
            let kept = bytes.prefix(min(room, keeping.bodyBytesMax - capture.body.count))
            do throws(Errno) {
                try capture.append(body: UnsafeRawBufferPointer(rebasing: kept))
            } catch {
                lose(error)
                return false
            }
        }
        return !isCut
    }

    /// Notes that the response cannot be kept: the run is about to end.
    private mutating func lose(_ error: Errno) {
        stop = .refused(.unkept)
        settings.keeping?.failed(error)
    }
}
