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
    /// Whether the body was cut at its limit; the response then counts as whole.
    private(set) var isCut = false
    /// The reason why the response was refused before its end; `nil` when it was not.
    private(set) var fault: Response.Failure?
    private(set) var setsCookies = false
    private var hasLocation = false
    /// Whether the response is a redirect, and the rest of its body is not waited for.
    private(set) var isAbandoned = false
    /// Whether the head says how long the body is, or where it ends.
    private var isFramed = false
    /// Whether the connection ends with the response.
    private var isClosing = false
    private var codings: [ContentDecoder.Coding] = []
    /// The codings of Transfer-Encoding, which are undone before `codings`.
    private var transferCodings: [ContentDecoder.Coding] = []
    private var isCodingUnknown = false
    private var decoder: ContentDecoder?

    /// The most bytes that are read of a redirect's body so that its connection can be used again.
    private static let redirectBytesMax = 64 << 10

    /// The part of the response that is kept; `nil` when nothing is.
    private var capture: Capture?
    /// Called when a head begins to come; `nil` when no caller needs it.
    private var headBegins: (() -> Void)?

    /// The memory that libcurl holds for the head.
    private var heldHead: HeldHead

    init(_ settings: TransferSettings) {
        self.settings = settings
        heldHead = HeldHead(settings.budget)
        head = ResponseHead(bytesMax: settings.headBytesMax)
    }

    /// - Parameter headBegins: Called when a head begins to come.
    mutating func reset(keepingIn capture: Capture?, headBegins: (() -> Void)? = nil) {
        releaseHead()
        self = IncomingResponse(settings)
        self.capture = capture
        self.headBegins = headBegins
    }

    /// Lets go of the capture, which belongs to someone else once the response has ended.
    mutating func end() { capture = nil }

    /// About how many bytes libcurl holds for the head.
    var heldBytes: Int { heldHead.bytes }

    /// Notes that libcurl has freed the head, or is about to.
    mutating func releaseHead() { heldHead.release() }

    // MARK: - What libcurl calls

    /// Takes bytes that libcurl gives to the write function.
    ///
    /// - Returns: Whether the transfer may go on.
    mutating func received(_ bytes: UnsafeRawBufferPointer) -> Bool {
        return awaitsHead ? check(piece: bytes) : take(body: bytes)
    }

    /// Takes a line that libcurl gives to the header function.
    ///
    /// - Returns: Whether the transfer may go on.
    mutating func received(line: UnsafeRawBufferPointer) -> Bool {
        guard heldHead.add(line: line.count) else {
            // There is no memory for more of it: the job is given back.
            fault = .cancelled
            return false
        }
        let wasOpen = head.isOpen
        let isTaken = take(line: line)
        if !wasOpen, head.isOpen { headBegins?() }
        return isTaken
    }

    var headBytes: Int { head.bytes }
    var awaitsHead: Bool { !head.isWhole }
    var isHeadOpen: Bool { head.isOpen }

    /// Whether the response is a redirect that is followed.
    ///
    /// A user agent may follow a 301, 302, 303, 307 and 308 by itself (RFC 9110, 15.4). A 300 lets
    /// a person choose; 304, 305 and 306 lead nowhere.
    var leadsOn: Bool {
        guard hasLocation, settings.redirectsMax > 0 else { return false }
        return switch head.status {
        case 301, 302, 303, 307, 308: true
        default: false
        }
    }

    /// The reason why a response that ended without an error is still no valid one; `nil` when it
    /// is valid.
    var faultAtEnd: Response.Failure? {
        if !head.isWhole { return .reason(.badResponse) }
        if isCut || leadsOn || settings.keeping?.isEncodingKept == true { return nil }
        if let decoder { return decoder.hasEnded ? nil : .reason(.badResponse) }
        // Encoded, and nothing came: an empty body where its end was told, else one that was cut.
        return !isEncoded || isFramed ? nil : .reason(.badResponse)
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
        fault = .reason(refusal == .tooLarge ? .tooLarge : .badResponse)
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
            forgetFields()
            capture?.beginHead()
        case .field: note(field: line)
        case .end:
            // If a redirect is read to its end, its connection can be used again, unless the server
            // closes it.
            isAbandoned = leadsOn && !settings.archivesRedirects && (isClosing || !isFramed)
            return !isAbandoned
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

    private mutating func forgetFields() {
        (hasLocation, isFramed, isClosing, isCodingUnknown) = (false, false, false, false)
        (codings, transferCodings) = ([], [])
    }

    /// Notes the few fields that matter here. The first letter rules out most other fields.
    private mutating func note(field line: UnsafeRawBufferPointer) {
        guard let first = line.first else { return }
        switch first | 0x20 {
        case UInt8(ascii: "c"):
            if let value = line.value(of: "content-encoding") {
                Self.add(value, to: &codings, &isCodingUnknown)
            } else if let value = line.value(of: "connection") {
                isClosing = value.isASCII(equal: "close")
            } else if line.isField("content-length") {
                isFramed = true
            }
        case UInt8(ascii: "l"):
            if let value = line.value(of: "location"), !value.isEmpty { hasLocation = true }
        case UInt8(ascii: "s"):
            if line.isField("set-cookie") { setsCookies = true }
        case UInt8(ascii: "t"):
            if let value = line.value(of: "transfer-encoding") {
                isFramed = true
                Self.add(value, to: &transferCodings, &isCodingUnknown)
            }
        default: break
        }
    }

    private static func add(
        _ value: UnsafeRawBufferPointer, to codings: inout [ContentDecoder.Coding],
        _ isUnknown: inout Bool
    ) {
        do throws(ContentDecoder.Broken) {
            codings += try ContentDecoder.codings(in: value, after: codings.count)
        } catch {
            isUnknown = true
        }
    }

    /// The codings to undo, in the order they were applied.
    private var applied: [ContentDecoder.Coding] { codings + transferCodings }
    private var isEncoded: Bool { !codings.isEmpty || !transferCodings.isEmpty }

    // MARK: - The body

    /// Takes a piece of the body, before it is decoded.
    ///
    /// - Returns: Whether the transfer may go on.
    mutating func take(body bytes: UnsafeRawBufferPointer) -> Bool {
        // What leads on is read to its end and thrown away, unless it is archived as it comes.
        guard isEncoded || isCodingUnknown, !leadsOn else {
            return keep(bytes)
        }
        if settings.keeping?.isEncodingKept == true {
            // Codings of the transfer are not archived, and there is no need to undo one: none is
            // asked for.
            if transferCodings.isEmpty { return keep(bytes) }
            fault = .reason(.badResponse)
            return false
        }
        if decoder == nil {
            guard !isCodingUnknown else {
                fault = .reason(.badResponse)
                return false
            }
            decoder = ContentDecoder.make(for: applied)
        }
        guard let decoder else { return keep(bytes) }
        do throws(ContentDecoder.Broken) {
            return try decoder.decode(bytes) { keep($0) }
        } catch {
            fault = .reason(.badResponse)
            return false
        }
    }

    /// Counts bytes of the body against its limit, and keeps them. libcurl 7.88's own limit does
    /// not see unknown or decompressed lengths.
    private mutating func keep(_ bytes: UnsafeRawBufferPointer) -> Bool {
        if leadsOn, !settings.archivesRedirects,
            bodyBytes + bytes.count > min(Self.redirectBytesMax, settings.bodyBytesMax)
        {
            isAbandoned = true
            return false
        }
        let room = settings.bodyBytesMax - bodyBytes
        bodyBytes += min(room, bytes.count)
        if bytes.count > room {
            guard settings.cutsLargeBodies else {
                fault = .reason(.tooLarge)
                return false
            }
            isCut = true
        }
        if let capture, let keeping = settings.keeping, keeping.keepsBodies,
            !leadsOn || settings.archivesRedirects
        {
            do throws(Errno) {
                try capture.append(body: UnsafeRawBufferPointer(rebasing: bytes.prefix(room)))
            } catch {
                lose(error)
                return false
            }
        }
        return !isCut
    }

    /// Notes that the response cannot be kept: the run is about to end.
    private mutating func lose(_ error: Errno) {
        fault = .unkept
        isCut = false
        settings.keeping?.failed(error)
    }
}

extension UnsafeRawBufferPointer {
    /// Whether a header line is a field named `name`.
    ///
    /// - Parameter name: The name in lower case.
    fileprivate func isField(_ name: StaticString) -> Bool {
        let length = name.utf8CodeUnitCount
        return count > length && self[length] == UInt8(ascii: ":")
            && self.prefix(length).isASCII(equal: name)
    }

    /// The value of a header line, without the white space around it; `nil` when the line is not a
    /// field named `name`.
    ///
    /// - Parameter name: The name in lower case.
    fileprivate func value(of name: StaticString) -> UnsafeRawBufferPointer? {
        guard isField(name) else { return nil }
        var (start, end) = (name.utf8CodeUnitCount + 1, count)
        while end > start, self[end - 1] <= UInt8(ascii: " ") { end -= 1 }
        while start < end, self[start] <= UInt8(ascii: " ") { start += 1 }
        return UnsafeRawBufferPointer(rebasing: self[start..<end])
    }
}
