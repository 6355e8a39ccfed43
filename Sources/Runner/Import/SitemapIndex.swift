internal import Lists

/// The sitemaps that an index names, in its order.
///
/// They are kept until all are fetched, so an index has the bounds of the protocol.
///
/// > Sitemap index files may not list more than 50,000 Sitemaps and must be no larger than 50MB
/// > (52,428,800 bytes). <https://www.sitemaps.org/protocol.html#index>
struct SitemapIndex {
    /// The most entries of a sitemap or an index.
    static let entriesMax = 50_000
    /// The most bytes of a sitemap or an index, decompressed.
    static let bytesMax = 52_428_800

    /// The name of the index.
    let name: String
    /// The URLs, one after another.
    private var bytes: [UInt8] = []
    /// The ends of the URLs in `bytes`.
    private var ends: [Int] = []

    init(name: String) { self.name = name }

    var count: Int { ends.count }

    /// The URL of a sitemap.
    subscript(index: Int) -> String {
        let start = index == 0 ? 0 : ends[index - 1]
        return String(decoding: bytes[start..<ends[index]], as: UTF8.self)
    }

    /// Adds an entry of the index.
    ///
    /// - Throws: When the entry leads to no sitemap, or is one too many: what it stands for would
    ///   be missing.
    mutating func add(_ url: UnsafeRawBufferPointer, line: Int) throws(ImportError) {
        guard ends.count < Self.entriesMax, bytes.count + url.count <= Self.bytesMax else {
            throw ImportError(
                .badIndex,
                "\(name) names more than \(Self.entriesMax) sitemaps, or in more than \(Self.bytesMax) bytes, which an index may not"
            )
        }
        if let reason = Self.reason(against: url) {
            let text = String(decoding: url.prefix(200), as: UTF8.self)
            throw ImportError(
                .badIndex, "\(name) has a sitemap in line \(line) that \(reason): \(text)")
        }
        bytes += url
        ends.append(bytes.count)
    }

    private static func reason(against url: UnsafeRawBufferPointer) -> String? {
        guard let end = URLCheck.authorityEnd(of: url) else { return URLCheck.reason(against: url) }
        return URLCheck.reason(againstAuthority: .init(rebasing: url[..<end]))
    }
}
