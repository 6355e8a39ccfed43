internal import Lists

/// The addresses in a sitemap, or in an index of sitemaps, that came as a response.
///
/// Where it is broken, what stands before that is read, and the rest counts as one that is malformed.
struct SitemapLinks {
    /// The addresses, in their order.
    private(set) var urls: [String] = []
    /// Entries without an address, and the rest of a sitemap that is broken.
    private(set) var malformed = 0
    /// 1 where there may be more than is read of one response.
    private(set) var unread = 0

    /// The most bytes that are read, decompressed.
    ///
    /// > Sitemap files … must be no larger than 50MB (52,428,800 bytes).
    /// > <https://www.sitemaps.org/protocol.html#index>
    private static let bytesMax = 52_428_800

    /// - Parameters:
    ///   - body: The bytes of the response, perhaps compressed: `sitemap.xml.gz` comes so.
    ///   - url: The URL of the response.
    ///   - bytesMax: The most bytes that are read, decompressed.
    /// - Returns: `nil` when the root element is none of a sitemap.
    init?(in body: [UInt8], url: String, bytesMax: Int = Self.bytesMax) {
        var options = ListOptions()
        options.bytesMax = bytesMax
        guard
            let reader = try? ListReader(
                source: .origin(BodyOrigin(name: url, bytes: body)), format: .sitemap,
                options: options)
        else { return nil }
        do throws(ListError) {
            while let row = try reader.next() {
                guard urls.count < Handled.followMax else {
                    unread = 1
                    return
                }
                switch row {
                case .row(let fields):
                    guard let address = fields.field(0) else { continue }
                    urls.append(String(decoding: address, as: UTF8.self))
                case .rejected: malformed += 1
                case .waiting: preconditionFailure("a body is there as a whole")
                }
            }
        } catch {
            guard reader.isKnownSitemap else { return nil }
            if error.code == .tooLarge { unread = 1 } else { malformed += 1 }
        }
    }
}

/// The bytes of a response as the origin of a list.
private struct BodyOrigin: ByteOrigin {
    let name: String
    let bytes: [UInt8]

    func open() -> any ByteStream { BodyBytes(bytes) }
    func identity() -> ListIdentity? { nil }
}

private final class BodyBytes: ByteStream {
    private var left: ArraySlice<UInt8>
    let byteCount: Int?
    let format: ListFormat? = nil

    init(_ bytes: [UInt8]) {
        left = bytes[...]
        byteCount = bytes.count
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let piece = left.prefix(buffer.count)
        buffer.copyBytes(from: piece)
        left = left.dropFirst(piece.count)
        return piece.count
    }
}
