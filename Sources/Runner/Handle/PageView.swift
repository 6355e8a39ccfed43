internal import JobStore

/// The parts of a response by which requests are found.
struct PageView {
    let record: Record
    private let head: [UInt8]

    init(_ record: Record) {
        self.record = record
        head = (try? record.capture.head.whole(of: record)) ?? []
    }

    /// The URL that the response came from.
    var url: String {
        var bytes = record.capture.finalURL
        if !record.capture.isRedirected || bytes.isEmpty {
            bytes = []
            record.appendURL(to: &bytes)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Whether there is a header field.
    ///
    /// - Parameter name: In lower case.
    func has(_ name: StaticString) -> Bool {
        head.withUnsafeBytes { head in
            for field in HeaderFields(head) where Self.isSame(field.name, name) { return true }
            return false
        }
    }

    /// - Parameter name: A name of letters and hyphens, in lower case.
    private static func isSame(_ found: UnsafeRawBufferPointer, _ name: StaticString) -> Bool {
        guard found.count == name.utf8CodeUnitCount else { return false }
        for index in found.indices where found[index] | 0x20 != name.utf8Start[index] {
            return false
        }
        return true
    }

    /// The values of a header field, in their order.
    ///
    /// - Parameter name: In lower case.
    func values(of name: StaticString) -> [[UInt8]] {
        head.withUnsafeBytes { head in
            HeaderFields(head).filter { Self.isSame($0.name, name) }.map { field in
                var value: [UInt8] = []
                field.forEachPiece { value += $0 }
                return value
            }
        }
    }

    var contentType: String? {
        values(of: "content-type").first.map { String(decoding: $0, as: UTF8.self) }
    }

    /// Whether the body is JSON, as it or its type says.
    var isJSON: Bool {
        let type = contentType?.prefix { $0 != ";" }.lowercased() ?? ""
        if type.contains("json") { return true }
        var first: UInt8?
        try? record.capture.body.forEachPiece(of: record) { piece in
            first = first ?? piece.first { $0 > 0x20 }
        }
        return first == UInt8(ascii: "{") || first == UInt8(ascii: "[")
    }

    /// Whether the body may be JSON, by its type and its first bytes alone.
    var mayBeJSON: Bool {
        let body = record.capture.body
        return body.count > 0 && body.count <= Self.looksMax ? isJSON : body.count > 0
    }

    /// The most bytes of a body that are looked at where no time is to be lost.
    private static let looksMax = 4 << 10

    var isHTML: Bool {
        guard let name = mediaType else { return record.capture.body.count > 0 }
        return name == "text/html" || name == "application/xhtml+xml"
    }

    /// Whether the body may be a sitemap: its root element tells.
    var mayBeSitemap: Bool {
        guard mediaType != "text/html", record.capture.body.count > 0 else { return false }
        return mediaType.map { type in
            ["xml", "gzip", "octet-stream", "text/plain"].contains { type.hasSuffix($0) }
        } ?? true
    }

    /// The type that Content-Type names, without parameters, in lower case.
    private var mediaType: String? {
        contentType?.prefix { $0 != ";" }.lowercased().filter { !$0.isWhitespace }
    }
}
