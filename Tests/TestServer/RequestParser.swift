import NIOCore

/// Reads the heads of HTTP/1 requests, one after the other, from bytes that come in any portions.
///
/// Each byte is looked at once, however many packets a head is spread over, and a plain `GET /123`
/// is read without making a string.
struct RequestParser {
    enum Outcome {
        case incomplete
        case malformed
        case request(Request)
    }

    static let maxHeadBytes = 65_536

    /// Set once the request line is read, filled in by the header fields.
    private var pending: Request?
    private var headBytes = 0
    /// The bytes of the unfinished line that are known to hold no line end.
    private var searchedBytes = 0

    /// Consumes what it can of `buffer`, at most to the end of a request's head.
    ///
    /// After `.malformed` the position in the stream is lost and the parser must not be used again.
    mutating func next(in buffer: inout ByteBuffer) -> Outcome {
        let (outcome, usedBytes) = read(buffer.readableBytesUInt8Span)
        buffer.moveReaderIndex(forwardBy: usedBytes)
        return outcome
    }

    private mutating func read(_ bytes: Span<UInt8>) -> (Outcome, usedBytes: Int) {
        var lineStart = 0
        var index = searchedBytes
        while index < bytes.count {
            guard bytes[index] == ASCII.lineFeed else {
                index += 1
                continue
            }
            let hasReturn = index > lineStart && bytes[index - 1] == ASCII.carriageReturn
            let line = bytes.extracting(lineStart..<(hasReturn ? index - 1 : index))
            index += 1
            lineStart = index
            if !line.isEmpty {
                guard take(line) else { return (.malformed, index) }
            } else if let request = pending {
                self = RequestParser()
                return (.request(request), index)
            }
            // > a server that is expecting to receive and parse a request-line SHOULD ignore at
            // > least one empty line (CRLF) received prior to the request-line
            // <https://www.rfc-editor.org/rfc/rfc9112#section-2.2>
        }
        headBytes += lineStart
        searchedBytes = bytes.count - lineStart
        let isTooLong = headBytes + searchedBytes > Self.maxHeadBytes
        return (isTooLong ? .malformed : .incomplete, lineStart)
    }

    /// - Returns: Whether the line is well-formed.
    private mutating func take(_ line: Span<UInt8>) -> Bool {
        if pending != nil {
            return takeField(line)
        }
        pending = Self.requestLine(line)
        return pending != nil
    }

    private static func requestLine(_ line: Span<UInt8>) -> Request? {
        let versionBytes = 8
        let targetEnd = line.count - versionBytes - 1
        guard let methodEnd = line.firstIndex(of: ASCII.space), methodEnd > 0,
            targetEnd > methodEnd + 1, line[targetEnd] == ASCII.space
        else { return nil }
        let target = line.extracting((methodEnd + 1)..<targetEnd)
        let version = line.extracting(last: versionBytes)
        guard target.firstIndex(of: ASCII.space) == nil,
            version.extracting(first: 7).equalsIgnoringCase("http/1.")
        else { return nil }
        let isVersion10 = version[7] == UInt8(ascii: "0")
        return Request(
            isHead: line.extracting(first: methodEnd).equalsIgnoringCase("head"),
            target: Target(target),
            isVersion10: isVersion10, keepsAlive: !isVersion10)
    }

    private mutating func takeField(_ line: Span<UInt8>) -> Bool {
        guard let nameEnd = line.firstIndex(of: ASCII.colon), nameEnd > 0,
            line[0] != ASCII.space, line[0] != ASCII.tab
        else { return false }
        let name = line.extracting(first: nameEnd)
        let value = line.extracting(line.trimmed((nameEnd + 1)..<line.count))
        switch nameEnd {
        case 6 where name.equalsIgnoringCase("expect"):
            pending?.expectsContinue = value.equalsIgnoringCase("100-continue")
        case 10 where name.equalsIgnoringCase("connection"):
            // A list here would be a proxy's or an upgrade's, and neither comes by.
            if value.equalsIgnoringCase("close") { pending?.keepsAlive = false }
            if value.equalsIgnoringCase("keep-alive") { pending?.keepsAlive = true }
        case 13 where name.equalsIgnoringCase("if-none-match"):
            pending?.ifNoneMatch = value.withUnsafeBufferPointer { Array($0) }
        case 17 where name.equalsIgnoringCase("if-modified-since"):
            pending?.ifModifiedSince = value.withUnsafeBufferPointer { Array($0) }
        case 14 where name.equalsIgnoringCase("content-length"):
            guard let bodyBytes = decimal(value) else { return false }
            pending?.bodyBytes = bodyBytes
        case 15 where name.equalsIgnoringCase("accept-encoding"):
            // A weight of 0 would be a refusal, and nobody who comes by sends one.
            pending?.acceptsGzip = value.containsIgnoringCase("gzip")
        case 17 where name.equalsIgnoringCase("transfer-encoding"):
            // Where a chunked request ends is not worth knowing to an origin for crawlers.
            return false
        default:
            break
        }
        return true
    }
}
