internal import JobStore

/// The fields of a WARC record's header that the check looks at.
struct WARCHeader {
    /// Why a record cannot be read.
    struct Malformed: Error {
        let description: String
        init(_ description: String) { self.description = description }
    }

    private(set) var type = ""
    private(set) var recordID = ""
    private(set) var concurrentTo = ""
    private(set) var contentType = ""
    private(set) var blockDigest: String?
    private(set) var payloadDigest: String?
    private(set) var contentLength = 0
    private(set) var batchID: Batch.ID?
    private(set) var jobID: Int?
    /// Whether the record is about a response that led on to another URL.
    private(set) var isHop = false
    /// Whether the record is about the answer by which a job failed.
    private(set) var isOfFailure = false
    /// Whether the record is an answer: a response, or what says that one has not changed.
    var isResponse: Bool { type == "response" || type == "revisit" }
    /// The number of bytes of the header, its empty line included.
    let bytes: Int

    /// - Parameter record: A record's beginning.
    init(_ record: UnsafeRawBufferPointer) throws(Malformed) {
        var end = BlankLine()
        guard let bytes = end.find(in: record) else {
            throw Malformed("has no end of its header, or one of more than \(record.count) bytes")
        }
        self.bytes = bytes
        var lines = ByteScanner(UnsafeRawBufferPointer(rebasing: record[..<bytes]))
        guard lines.take("WARC/1.1\r\n") else { throw Malformed("does not begin with WARC/1.1") }
        var seen: Set<String> = []
        while !lines.take("\r\n") {
            guard let line = lines.take(before: UInt8(ascii: "\n")),
                line.last == UInt8(ascii: "\r"),
                let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex,
                line[..<colon].allSatisfy({ $0 > 0x20 && $0 < 0x7F })
            else { throw Malformed("has a header line that is no field") }
            let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
            let value = line[(colon + 1)...].dropLast().drop { $0 == 0x20 }
            // The standard lets WARC-Concurrent-To stand several times; we write it once.
            guard seen.insert(name).inserted else { throw Malformed("has \(name) twice") }
            try take(name, value)
        }
        for name in ["warc-type", "warc-record-id", "warc-date", "content-length"]
        where !seen.contains(name) {
            throw Malformed("has no \(name)")
        }
    }

    private mutating func take(
        _ name: String, _ value: Slice<UnsafeRawBufferPointer>
    ) throws(Malformed) {
        switch name {
        case "warc-type": type = text(value)
        case "warc-record-id":
            recordID = text(value)
            guard recordID.hasPrefix("<urn:uuid:"), recordID.hasSuffix(">") else {
                throw Malformed("has no <urn:uuid:…> as its warc-record-id")
            }
        case "warc-concurrent-to": concurrentTo = text(value)
        case "content-type": contentType = text(value)
        case "warc-block-digest": blockDigest = text(value)
        case "warc-payload-digest": payloadDigest = text(value)
        case "content-length": contentLength = try number(name, value)
        case "runner-batch": batchID = try number(name, value)
        case "runner-id": jobID = try number(name, value)
        case "runner-hop": isHop = true
        case "runner-state":
            isOfFailure = text(value) == "failed"
            guard isOfFailure else { throw Malformed("has an unknown runner-state") }
        default: break
        }
    }

    private func text(_ value: Slice<UnsafeRawBufferPointer>) -> String {
        String(decoding: value, as: UTF8.self)
    }

    private func number(
        _ name: String, _ value: Slice<UnsafeRawBufferPointer>
    ) throws(Malformed) -> Int {
        var scanner = ByteScanner(UnsafeRawBufferPointer(rebasing: value))
        guard let number = scanner.takeNumber(), scanner.rest.isEmpty else {
            throw Malformed("has a \(name) that is no number")
        }
        return number
    }
}

/// Finds the empty line that ends header fields, in bytes that come piece by piece.
struct BlankLine {
    private var isAtLineStart = false

    /// - Returns: The index in `bytes` of what follows the empty line; `nil` when the empty line
    ///   has not come.
    mutating func find(in bytes: UnsafeRawBufferPointer) -> Int? {
        for (index, byte) in bytes.enumerated() {
            switch byte {
            // Servers end lines with a bare line feed, too.
            case UInt8(ascii: "\n"):
                if isAtLineStart { return index + 1 }
                isAtLineStart = true
            case UInt8(ascii: "\r"): break
            default: isAtLineStart = false
            }
        }
        return nil
    }
}
