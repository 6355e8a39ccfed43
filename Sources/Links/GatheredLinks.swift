internal import JobStore

/// The links of a page as they are written there, each once, within bounds.
struct GatheredLinks {
    struct Entry {
        let begin: Int
        let end: Int
        var isNext: Bool
        var isNofollow: Bool
        /// Whether the page was in `TextConverter`'s character set when the link came.
        let isConverted: Bool
    }

    let bounds: LinkBounds
    private(set) var entries: [Entry] = []
    private(set) var duplicates = 0
    private(set) var cutOff = 0
    private var text: [UInt8] = []
    private var indices: [RequestHash: Int32] = [:]

    init(_ bounds: LinkBounds) { self.bounds = bounds }

    /// Adds a link, if there is room.
    ///
    /// - Parameter link: UTF-8.
    mutating func add(_ link: [UInt8], isNext: Bool, isNofollow: Bool, isConverted: Bool) {
        let hash = LinkHash.of(link)
        if let index = indices[hash] {
            duplicates += 1
            entries[Int(index)].isNext = entries[Int(index)].isNext || isNext
            // A link that may be followed at one place may be followed.
            entries[Int(index)].isNofollow = entries[Int(index)].isNofollow && isNofollow
            return
        }
        guard entries.count < bounds.linksMax, text.count + link.count <= bounds.textBytesMax else {
            cutOff += 1
            return
        }
        indices[hash] = Int32(entries.count)
        entries.append(
            Entry(
                begin: text.count, end: text.count + link.count, isNext: isNext,
                isNofollow: isNofollow, isConverted: isConverted))
        text += link
    }

    func text(of entry: Entry) -> [UInt8] { Array(text[entry.begin..<entry.end]) }
}

/// Hashes by which links are told apart, with a key of this process alone: no page can choose URLs
/// that are taken for each other.
enum LinkHash {
    private static let key = RequestHash.Key(
        first: .random(in: 0...UInt64.max), second: .random(in: 0...UInt64.max))

    static func of(_ bytes: [UInt8]) -> RequestHash {
        bytes.withUnsafeBytes { SipHash.hash($0, key) }
    }

    /// The hash of a URL, the same for all that are the same in normal form.
    static func of(url: String) -> RequestHash {
        var url = url
        return url.withUTF8 { url in
            withUnsafeTemporaryAllocation(byteCount: url.count + 1, alignment: 8) { room in
                let count = NormalURL.write(UnsafeRawBufferPointer(url), to: room)
                return SipHash.hash(
                    UnsafeRawBufferPointer(rebasing: room[..<count]), key)
            }
        }
    }
}
