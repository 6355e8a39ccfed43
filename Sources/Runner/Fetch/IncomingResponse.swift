internal import Glibc
internal import JobStore

/// What comes of one request, from its first byte on: bounds it, decodes it, keeps what is to be kept.
/// Not copyable, so that no use of it behind a pointer makes a copy unseen.
struct IncomingResponse: ~Copyable {
    private unowned(unsafe) let settings: TransferSettings  // of the loop, which outlives transfers
    private var head: ResponseHead
    /// Decoded bytes of the body.
    private(set) var bodyBytes = 0
    /// The response is cut at its limit, and whole for us.
    private(set) var isCut = false
    /// Why it was refused amid.
    private(set) var fault: Response.Failure?
    private(set) var setsCookies = false
    private var hasLocation = false
    /// It leads on, and the rest of its body is not waited for.
    private(set) var isAbandoned = false
    /// Whether the head says how long the body is, or where it ends.
    private var isFramed = false
    /// Whether the connection ends with it.
    private var isClosing = false
    private var codings: [ContentDecoder.Coding] = []
    /// Of the transfer: undone first.
    private var transferCodings: [ContentDecoder.Coding] = []
    private var isCodingUnknown = false
    private var decoder: ContentDecoder?

    /// What is read of a redirect's body so that its connection can be used again.
    private static let redirectBytesMax = 64 << 10

    /// What is kept of it; `nil` when nothing is.
    private var capture: Capture?
    /// Told when a head begins to come; `nil` where nobody wants to know.
    private var headBegins: (() -> Void)?

    /// What libcurl holds of its head.
    private var heldHead: HeldHead

    init(_ settings: TransferSettings) {
        self.settings = settings
        heldHead = HeldHead(settings.budget)
        head = ResponseHead(bytesMax: settings.maxHeadBytes)
    }

    /// - Parameter headBegins: Called when a head begins to come.
    mutating func reset(keepingIn capture: Capture?, headBegins: (() -> Void)? = nil) {
        releaseHead()
        self = IncomingResponse(settings)
        self.capture = capture
        self.headBegins = headBegins
    }

    /// Lets go of what was kept: it is somebody else's once the response has ended.
    mutating func end() { capture = nil }

    /// About what libcurl holds of its head.
    var heldBytes: Int { heldHead.bytes }

    /// libcurl has freed the head, or is about to.
    mutating func releaseHead() { heldHead.release() }

    // MARK: - What libcurl calls

    /// Takes what comes to the write function.
    ///
    /// - Returns: Whether it may go on.
    mutating func received(_ bytes: UnsafeRawBufferPointer) -> Bool {
        return awaitsHead ? check(piece: bytes) : take(body: bytes)
    }

    /// Takes what comes to the header function, a line.
    ///
    /// - Returns: Whether it may go on.
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

    /// Whether it is a redirect that is followed.
    ///
    /// The user agent may follow these by itself (RFC 9110, 15.4); a 300 lets a person choose, 304,
    /// 305 and 306 lead nowhere.
    var leadsOn: Bool {
        guard hasLocation, settings.maxRedirects > 0 else { return false }
        return switch head.status {
        case 301, 302, 303, 307, 308: true
        default: false
        }
    }

    /// Why a response that ended without an error is none all the same.
    var faultAtEnd: Response.Failure? {
        if !head.isWhole { return .reason(.badResponse) }
        if isCut || leadsOn || settings.keeping?.isEncodingKept == true { return nil }
        if let decoder { return decoder.hasEnded ? nil : .reason(.badResponse) }
        // Encoded, and nothing came: an empty body where its end was told, else one that was cut.
        return !isEncoded || isFramed ? nil : .reason(.badResponse)
    }

    // MARK: - The head

    /// Looks at a piece of a line before libcurl keeps it.
    ///
    /// - Returns: Whether it may.
    mutating func check(piece: UnsafeRawBufferPointer) -> Bool {
        do throws(ResponseHead.Refusal) {
            try head.check(piece)
            return true
        } catch {
            refuse(error)
            return false
        }
    }

    /// - Returns: `nil` for a line that is refused.
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

    /// Takes a whole line.
    ///
    /// - Returns: Whether there was room for it.
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
            // Read to its end, the connection could be used again, unless that is its end.
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

    /// Takes in the few fields that matter here; most are told apart by their first letter.
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

    /// What has to be undone, in the order it was applied.
    private var applied: [ContentDecoder.Coding] { codings + transferCodings }
    private var isEncoded: Bool { !codings.isEmpty || !transferCodings.isEmpty }

    // MARK: - The body

    /// Takes what comes of the body, before it is decoded.
    ///
    /// - Returns: Whether there was room for it.
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

    /// Counts decoded bytes: libcurl 7.88's own limit does not see unknown or decompressed lengths.
    private mutating func keep(_ bytes: UnsafeRawBufferPointer) -> Bool {
        if leadsOn, !settings.archivesRedirects,
            bodyBytes + bytes.count > min(Self.redirectBytesMax, settings.maxBodyBytes)
        {
            isAbandoned = true
            return false
        }
        let room = settings.maxBodyBytes - bodyBytes
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

    /// What came cannot be kept: the run is about to end.
    private mutating func lose(_ error: Errno) {
        fault = .unkept
        isCut = false
        settings.keeping?.failed(error)
    }
}

extension UnsafeRawBufferPointer {
    /// Whether a header line is a field of that name.
    ///
    /// - Parameter name: In lower case.
    fileprivate func isField(_ name: StaticString) -> Bool {
        let length = name.utf8CodeUnitCount
        return count > length && self[length] == UInt8(ascii: ":")
            && self.prefix(length).isASCII(equal: name)
    }

    /// The value of a header line, without white space around it, when it is a field of that name.
    ///
    /// - Parameter name: In lower case.
    fileprivate func value(of name: StaticString) -> UnsafeRawBufferPointer? {
        guard isField(name) else { return nil }
        var (start, end) = (name.utf8CodeUnitCount + 1, count)
        while end > start, self[end - 1] <= UInt8(ascii: " ") { end -= 1 }
        while start < end, self[start] <= UInt8(ascii: " ") { start += 1 }
        return UnsafeRawBufferPointer(rebasing: self[start..<end])
    }
}
