internal import Glibc
internal import JobStore

/// Renders a record as WARC 1.1 has it: a gzip member for the response, and one for its request.
///
/// - SeeAlso: <https://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/>
final class WARCRenderer: RecordRenderer {
    private let deflater = Deflater(for: .records)
    /// Compresses the records that are not small; made when the first one comes.
    private lazy var streamDeflater = Deflater(for: .streams)
    private static let smallBytesMax = 4096
    private let blockDigest = Digest(.sha1)
    private let payloadDigest = Digest(.sha1)
    private var ids = RecordIDs()
    /// Buffers of the record being made.
    private var header: [UInt8] = []
    private var block: [UInt8] = []

    func render(
        _ record: Record, into bytes: inout [UInt8],
        makeRoom: (inout [UInt8]) throws(SinkError) -> Void
    ) throws(SinkError) {
        let response =
            try record.isAnswered || record.isUnchanged
            ? renderExchanges(of: record, &bytes, makeRoom) : nil
        if !record.isCompleted { renderFailure(record, by: response, into: &bytes) }
    }

    /// Renders the responses to a job's requests, each with its request.
    ///
    /// - Returns: The ID of the last response.
    private func renderExchanges(
        of record: Record, _ bytes: inout [UInt8],
        _ makeRoom: (inout [UInt8]) throws(SinkError) -> Void
    ) throws(SinkError) -> [UInt8] {
        // A response and its request for each URL on the way, so that a replay of the URL asked for
        // leads where it led.
        var content = record.job.content
        let hops = record.capture.hops
        for (index, hop) in hops.enumerated() {
            if let response = hop.response {
                let exchange = Exchange(
                    record: record, content: content, capture: response, hop: index + 1)
                _ = try render(exchange, into: &bytes, makeRoom)
            }
            let next = index + 1 < hops.count ? hops[index + 1].url : record.capture.finalURL
            content = content.redirected(
                by: hop.status, isOtherOrigin: !Self.areOfOneOrigin(hop.url, next))
        }
        return try render(
            Exchange(record: record, content: content, capture: record.capture, hop: nil),
            into: &bytes, makeRoom)
    }

    // MARK: - Records

    /// A request and its response.
    private struct Exchange {
        let record: Record
        let content: RequestContent
        let capture: Capture
        /// The number of the response, from 1, among those that led on to another URL; `nil` for
        /// the job's last response.
        let hop: Int?
    }

    /// - Returns: The ID of the response.
    private func render(
        _ exchange: Exchange, into bytes: inout [UInt8],
        _ makeRoom: (inout [UInt8]) throws(SinkError) -> Void
    ) throws(SinkError) -> [UInt8] {
        let id = ids.next()
        let target = target(of: exchange.record, exchange.capture)
        try renderResponse(exchange, id, target, into: &bytes, makeRoom)
        renderRequest(exchange, concurrentTo: id, target, into: &bytes)
        return id
    }

    private func renderResponse(
        _ exchange: Exchange, _ id: [UInt8], _ target: [UInt8], into bytes: inout [UInt8],
        _ makeRoom: (inout [UInt8]) throws(SinkError) -> Void
    ) throws(SinkError) {
        let (record, capture) = (exchange.record, exchange.capture)
        block.removeAll(keepingCapacity: true)
        let head = try capture.head.whole(of: record)
        head.withUnsafeBytes { appendHead($0, capture.httpVersion, to: &block) }
        blockDigest.reset()
        payloadDigest.reset()
        block.withUnsafeBytes { blockDigest.update($0) }
        try capture.body.forEachPiece(of: record) { piece in
            self.blockDigest.update(piece)
            self.payloadDigest.update(piece)
        }
        let isRevisit = record.isUnchanged && exchange.hop == nil
        begin(isRevisit ? "revisit" : "response", id, target, capture)
        if isRevisit {
            header.append("WARC-Profile: ")
            header.append(Self.unchangedProfile)
            header.append("\r\nWARC-Refers-To-Target-URI: ")
            header.append(contentsOf: target)
            header.append("\r\n")
        }
        appendJob(of: record, hop: exchange.hop)
        if !record.isCompleted, exchange.hop == nil { header.append("Runner-State: failed\r\n") }
        if capture.httpVersion == .http2 { header.append("WARC-Protocol: h2\r\n") }
        // Of what is revisited, nobody knows the payload here.
        if !isRevisit {
            header.append("WARC-Payload-Digest: sha1:")
            header.append(contentsOf: Base32.text(payloadDigest.finish()).utf8)
            header.append("\r\n")
        }
        if capture.isCut { header.append("WARC-Truncated: length\r\n") }
        header.append("Content-Type: application/http;msgtype=response\r\n")
        endHeader(blockBytes: block.count + capture.body.count)

        header.append(contentsOf: block)
        guard capture.body.count > Self.smallBytesMax else {
            try capture.body.forEachPiece(of: record) { self.header.append(raw: $0) }
            return endRecord(&bytes)
        }
        header.withUnsafeBytes { streamDeflater.add($0, to: &bytes) }
        try capture.body.forEachPiece(of: record) { piece throws(SinkError) in
            self.streamDeflater.add(piece, to: &bytes)
            try makeRoom(&bytes)
        }
        Self.recordEnd.withUnsafeBytes { streamDeflater.add($0, to: &bytes) }
        streamDeflater.finish(into: &bytes)
    }

    private func renderRequest(
        _ exchange: Exchange, concurrentTo response: [UInt8], _ target: [UInt8],
        into bytes: inout [UInt8]
    ) {
        block.removeAll(keepingCapacity: true)
        appendRequest(exchange.content, for: target, to: &block)
        blockDigest.reset()
        block.withUnsafeBytes { blockDigest.update($0) }
        begin("request", ids.next(), target, exchange.capture)
        header.append("WARC-Concurrent-To: ")
        header.append(contentsOf: response)
        if exchange.capture.httpVersion == .http2 { header.append("\r\nWARC-Protocol: h2") }
        header.append("\r\nContent-Type: application/http;msgtype=request\r\n")
        endHeader(blockBytes: block.count)
        header.append(contentsOf: block)
        endRecord(&bytes)
    }

    /// - Parameter response: The ID of the response by which the job failed; `nil` when there is
    ///   none.
    private func renderFailure(
        _ record: Record, by response: [UInt8]?, into bytes: inout [UInt8]
    ) {
        block.removeAll(keepingCapacity: true)
        block.append("outcome: ")
        block.append(contentsOf: record.outcome.label.utf8)
        block.append("\r\nattempts: ")
        block.append(decimal: record.attempt)
        if record.status > 0 {
            block.append("\r\nstatus: ")
            block.append(decimal: record.status)
        }
        if !record.message.isEmpty {
            block.append("\r\nerror: ")
            // A line end would end the field.
            block.append(contentsOf: record.message.utf8.map { $0 < 0x20 ? 0x20 : $0 })
        }
        for hop in record.capture.hops {
            block.append("\r\nredirect: ")
            block.append(decimal: hop.status)
            block.append(" ")
            block.append(contentsOf: hop.url)
        }
        block.append("\r\n")
        blockDigest.reset()
        block.withUnsafeBytes { blockDigest.update($0) }
        let target = target(of: record, response == nil ? nil : record.capture)
        begin("metadata", ids.next(), target, record.capture)
        if let response {
            header.append("WARC-Concurrent-To: ")
            header.append(contentsOf: response)
            header.append("\r\n")
        }
        appendJob(of: record, hop: nil)
        header.append("Content-Type: application/warc-fields\r\n")
        endHeader(blockBytes: block.count)
        header.append(contentsOf: block)
        endRecord(&bytes)
    }

    /// Renders the record that each file begins with.
    func renderFileInfo(name: String, software: String, atMicros now: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        block.removeAll(keepingCapacity: true)
        block.append("software: ")
        block.append(contentsOf: software.utf8)
        block.append("\r\nformat: WARC File Format 1.1\r\nconformsTo: ")
        block.append(
            "https://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/\r\n")
        header.removeAll(keepingCapacity: true)
        header.append("WARC/1.1\r\nWARC-Type: warcinfo\r\nWARC-Record-ID: ")
        header.append(contentsOf: ids.next())
        header.append("\r\nWARC-Date: ")
        header.append(timeMicros: now)
        header.append("\r\nWARC-Filename: ")
        header.append(contentsOf: name.utf8)
        header.append("\r\n")
        blockDigest.reset()
        block.withUnsafeBytes { blockDigest.update($0) }
        header.append("Content-Type: application/warc-fields\r\n")
        endHeader(blockBytes: block.count)
        header.append(contentsOf: block)
        endRecord(&bytes)
        return bytes
    }

    // MARK: - Their parts

    private func begin(
        _ type: StaticString, _ id: [UInt8], _ target: [UInt8], _ capture: Capture
    ) {
        header.removeAll(keepingCapacity: true)
        header.append("WARC/1.1\r\nWARC-Type: ")
        header.append(type)
        header.append("\r\nWARC-Record-ID: ")
        header.append(contentsOf: id)
        header.append("\r\nWARC-Date: ")
        header.append(timeMicros: capture.startedMicros)
        header.append("\r\nWARC-Target-URI: ")
        header.append(contentsOf: target)
        if !capture.remoteIP.isEmpty {
            header.append("\r\nWARC-IP-Address: ")
            header.append(contentsOf: capture.remoteIP)
        }
        header.append("\r\n")
    }

    private func appendJob(of record: Record, hop: Int?) {
        header.append("Runner-Batch: ")
        header.append(decimal: record.batchID)
        header.append("\r\nRunner-ID: ")
        header.append(decimal: record.id)
        header.append("\r\nRunner-Attempts: ")
        header.append(decimal: record.attempt)
        if let key = record.job.request.key {
            header.append("\r\nRunner-Key: ")
            header.append(contentsOf: key)
        }
        record.job.request.appendMeta(after: "\r\nRunner-Meta: ", to: &header)
        if let hop {
            header.append("\r\nRunner-Hop: ")
            header.append(decimal: hop)
        }
        if record.capture.isRedirected && record.isAnswered {
            header.append("\r\nRunner-URL: ")
            var url: [UInt8] = []
            record.appendURL(to: &url)
            header.append(contentsOf: url)
        }
        header.append("\r\n")
    }

    private func endHeader(blockBytes: Int) {
        header.append("WARC-Block-Digest: sha1:")
        header.append(contentsOf: Base32.text(blockDigest.finish()).utf8)
        header.append("\r\nContent-Length: ")
        header.append(decimal: blockBytes)
        header.append("\r\n\r\n")
    }

    /// Ends a record that is in `header` as a whole: appends it to `bytes` as a gzip member.
    private func endRecord(_ bytes: inout [UInt8]) {
        header.append(contentsOf: Self.recordEnd)
        (header.count > 4 * Self.smallBytesMax ? streamDeflater : deflater)
            .addMember(header, to: &bytes)
    }

    /// > for the representation of 'Not Modified' (304) responses […] (WARC 1.1, 6.7.3)
    private static let unchangedProfile: StaticString =
        "http://netpreserve.org/warc/1.1/revisit/server-not-modified"

    private static let recordEnd = Array("\r\n\r\n".utf8)

    /// The URI that a response came from, or else the one that the job asks for. It has no
    /// fragment, which is never sent.
    private func target(of record: Record, _ capture: Capture?) -> [UInt8] {
        var url = capture?.finalURL ?? []
        if url.isEmpty { record.appendURL(to: &url) }
        if let fragment = url.firstIndex(of: UInt8(ascii: "#")) { url.removeSubrange(fragment...) }
        return url
    }

    /// Appends the request that libcurl sends for `target`; a test compares it with the request
    /// that a server gets.
    ///
    /// Values that are kept out of what is written down are not in it.
    private func appendRequest(
        _ content: RequestContent, for target: [UInt8], to block: inout [UInt8]
    ) {
        let start = target.authorityStart
        let end = target.authorityEnd(from: start)
        block.append(contentsOf: content.method.rawValue.utf8)
        block.append(" ")
        if end == target.count || target[end] != UInt8(ascii: "/") { block.append("/") }
        block.append(contentsOf: target[end...])
        block.append(" HTTP/1.1\r\nHost: ")
        if let host = content.value(of: "Host") {
            block.append(contentsOf: host)
        } else {
            block.append(contentsOf: Self.host(target[start..<end], scheme: target[..<start]))
        }
        if !content.fields.contains(where: { HeaderTemplate.isSame($0.name, "Accept") }) {
            block.append("\r\nAccept: */*")
        }
        for field in content.fields {
            guard let value = field.value, !HeaderTemplate.isSame(field.name, "Host") else {
                continue
            }
            block.append("\r\n")
            block.append(contentsOf: field.name.utf8)
            block.append(": ")
            block.append(contentsOf: field.isSecret ? Self.redacted : value)
        }
        if content.sendsBody {
            block.append("\r\nContent-Length: ")
            block.append(decimal: content.body?.count ?? 0)
        }
        block.append("\r\n\r\n")
        if let body = content.body { block.append(raw: body) }
    }

    private static let redacted = Array("[redacted]".utf8)

    private static func areOfOneOrigin(_ one: [UInt8], _ other: [UInt8]) -> Bool {
        HostKey(of: String(decoding: one, as: UTF8.self))
            == HostKey(of: String(decoding: other, as: UTF8.self))
    }

    /// The host with its port, but without the scheme's own port, as libcurl sends it.
    private static func host(
        _ authority: ArraySlice<UInt8>, scheme: ArraySlice<UInt8>
    ) -> ArraySlice<UInt8> {
        let isHTTPS = scheme.dropFirst(4).first.map { $0 | 0x20 } == UInt8(ascii: "s")
        let port = Array((isHTTPS ? ":443" : ":80").utf8)
        return authority.suffix(port.count).elementsEqual(port)
            ? authority.dropLast(port.count) : authority
    }

    /// Appends the status line and the fields, with the empty line at their end. Transfer-Encoding
    /// gets another name, because libcurl took off that coding from the body that follows.
    private func appendHead(
        _ head: UnsafeRawBufferPointer, _ version: Capture.HTTPVersion, to block: inout [UInt8]
    ) {
        var head = head
        block.reserveCapacity(head.count + 256)
        if version == .http2 {
            // > HTTP/2 does not define a way to carry the version or reason phrase.
            // <https://www.rfc-editor.org/rfc/rfc9113#section-8.3.2>
            block.append("HTTP/1.1")
            let space = head.offset(of: UInt8(ascii: " ")) ?? head.count
            head = UnsafeRawBufferPointer(rebasing: head[space...])
        }
        // Some servers end lines with a line feed alone, which readers of archives do not know.
        for line in HeaderLines(head) {
            if line.isTransferEncoding { block.append("X-Archive-Orig-") }
            block.append(raw: line)
            block.append("\r\n")
        }
        block.append("\r\n")
    }
}

extension UnsafeRawBufferPointer {
    /// Whether a header line is the field Transfer-Encoding, which tells how the connection carried
    /// the body.
    fileprivate var isTransferEncoding: Bool {
        let name: StaticString = "transfer-encoding"
        guard let first, first | 0x20 == UInt8(ascii: "t"),
            let colon = offset(of: UInt8(ascii: ":"))
        else { return false }
        return self[..<colon].isASCII(equal: name)
    }
}

/// Makes the names of records: `<urn:uuid:…>`, random (RFC 9562, version 4).
struct RecordIDs {
    /// Random bytes from the system, fetched for many IDs at a time.
    private var pool: [UInt8] = []

    mutating func next() -> [UInt8] {
        if pool.isEmpty {
            pool = [UInt8](repeating: 0, count: 256)  // the most it gives at once
            precondition(getentropy(&pool, pool.count) == 0, "the system gives no random bytes")
        }
        var id: [UInt8] = []
        id.reserveCapacity(48)
        id.append("<urn:uuid:")
        for (index, random) in pool.suffix(16).enumerated() {
            if [4, 6, 8, 10].contains(index) { id.append("-") }
            let byte =
                switch index {
                case 6: random & 0x0F | 0x40
                case 8: random & 0x3F | 0x80
                default: random
                }
            id.append(hex: CollectionOfOne(byte))
        }
        pool.removeLast(16)
        id.append(">")
        return id
    }
}
