internal import JobStore

/// Reads the links of an HTML page as its bytes come.
///
/// ```swift
/// let reader = LinkReader(url: finalURL, contentType: "text/html; charset=utf-8", by: ParsedURL())
/// while let bytes = nextBytes() { reader.feed(bytes) }
/// let page = reader.finish { link in add(link.url) }
/// ```
///
/// A page may be anything: reading never fails, takes time that grows with the bytes alone, and
/// memory for the links that its bounds allow, not for the page. Where the bytes are cut into pieces
/// does not matter. What counts as a link is in `docs/LINKS.md`.
public final class LinkReader {
    private let documentURL: String
    private let parser: any URLParser
    private var scanner = TagScanner()
    private var inflow: PageInflow
    /// The first bytes, until there are enough to tell a byte order mark.
    private var beginning: [UInt8]? = []
    /// The character set that was told by Content-Type or a byte order mark; then `meta` does not
    /// count.
    private var isCharsetCertain: Bool
    private var converter: TextConverter?
    /// Bytes that are converted.
    private var converted: [UInt8] = []
    private var links: GatheredLinks
    private var page = PageLinks()
    private var baseText: [UInt8]?
    private var canonicalText: [UInt8]?

    /// - Parameters:
    ///   - url: The URL of the response, behind all redirects.
    ///   - contentType: The value of its field Content-Type; `nil` when it has none.
    ///   - parser: What takes URLs apart.
    public init(
        url: String, contentType: String? = nil, bounds: LinkBounds = LinkBounds(),
        by parser: any URLParser
    ) {
        self.parser = parser
        documentURL = url
        let charset = contentType.flatMap { Charset(contentType: $0.utf8) }
        isCharsetCertain = charset != nil
        inflow = PageInflow(charset)
        links = GatheredLinks(bounds)
        converter = inflow.charset.flatMap(TextConverter.init)
    }

    /// Takes the bytes that come next, with their Content-Encoding undone.
    public func feed(_ bytes: UnsafeRawBufferPointer) {
        guard var beginning else { return read(bytes) }
        let missing = max(3 - beginning.count, 0)
        beginning += bytes.prefix(missing)
        self.beginning = beginning
        guard beginning.count == 3 else { return }
        begin()
        read(UnsafeRawBufferPointer(rebasing: bytes.dropFirst(missing)))
    }

    /// Ends the page.
    ///
    /// - Parameter take: Takes the links one by one, each once: first those that may be followed,
    ///   then those that may not, each in the order of the page. A link to the page itself is none.
    /// - Returns: The rest of what the page says. For a page whose URL is none of HTTP, all links
    ///   are invalid.
    public func finish(_ take: (FoundLink) -> Void) -> PageLinks {
        if beginning != nil { begin() }
        page.duplicates = links.duplicates
        page.cutOff = links.cutOff
        guard let document = URLResolver(base: documentURL, by: parser) else {
            page.invalid += links.entries.count
            return page
        }
        var base: String?
        if let baseText, case .url(let url) = document.resolve(baseText) { base = url }
        guard let resolver = URLResolver(base: base ?? documentURL, by: parser) else { return page }
        var seen: Set<RequestHash> = []
        seen.reserveCapacity(links.entries.count + 1)
        // The page itself is known.
        if case .url(let url) = document.resolve([]) { seen.insert(LinkHash.of(url: url)) }
        for isNofollow in [false, true] {
            for entry in links.entries where entry.isNofollow == isNofollow {
                hand(entry, resolver, &seen, take)
            }
        }
        if let canonicalText, case .url(let url) = resolver.resolve(canonicalText, converter) {
            page.canonical = url
        }
        return page
    }

    private func hand(
        _ entry: GatheredLinks.Entry, _ resolver: borrowing URLResolver,
        _ seen: inout Set<RequestHash>, _ take: (FoundLink) -> Void
    ) {
        let text = links.text(of: entry)
        switch resolver.resolve(text, entry.isConverted ? converter : nil) {
        case .otherScheme: page.otherSchemes += 1
        case .invalid: page.invalid += 1
        case .url(let url):
            guard seen.insert(LinkHash.of(url: url)).inserted else {
                page.duplicates += 1
                return
            }
            page.links += 1
            take(
                FoundLink(
                    url: url, isNext: entry.isNext,
                    isNofollow: entry.isNofollow || page.isNofollow))
        }
    }

    // MARK: - Bytes

    /// Looks for a byte order mark, and reads the first bytes.
    private func begin() {
        var bytes = beginning ?? []
        beginning = nil
        for (mark, charset) in [
            ([0xEF, 0xBB, 0xBF], .utf8), ([0xFE, 0xFF], .utf16BE), ([0xFF, 0xFE], .utf16LE),
        ] as [([UInt8], Charset)] where bytes.starts(with: mark) {
            bytes.removeFirst(mark.count)
            isCharsetCertain = true
            use(charset)
            break
        }
        bytes.withUnsafeBytes { read($0) }
    }

    private func use(_ charset: Charset) {
        inflow = PageInflow(charset)
        converter = inflow.charset.flatMap(TextConverter.init)
    }

    private func read(_ bytes: UnsafeRawBufferPointer) {
        var offset = 0
        while inflow.isPlain, scanner.next(bytes, from: &offset) {
            if !scanner.tag.isEnd { take(scanner.tag) }
        }
        // In pieces: memory does not grow with what is fed at once.
        while offset < bytes.count {
            let piece = bytes[offset...].prefix(16 << 10)
            offset = piece.endIndex
            converted.removeAll(keepingCapacity: true)
            inflow.convert(UnsafeRawBufferPointer(rebasing: piece), to: &converted)
            converted.withUnsafeBytes { converted in
                var offset = 0
                while scanner.next(converted, from: &offset) {
                    if !scanner.tag.isEnd { take(scanner.tag) }
                }
            }
        }
    }

    // MARK: - Tags

    private func take(_ tag: Tag) {
        switch tag.name {
        case .anchor, .area: takeLink(tag)
        case .link:
            let relations = Words(tag.value(.rel))
            if relations.contains("next") { takeLink(tag) }
            if relations.contains("canonical"), canonicalText == nil, !tag.isOverlong(.href) {
                canonicalText = tag.value(.href).map(text)
            }
        case .base:
            // The first one that has an address counts, whatever it is.
            if baseText == nil, let href = tag.value(.href) {
                baseText = tag.isOverlong(.href) ? [] : text(href)
            }
        case .meta: takeMeta(tag)
        default: break
        }
    }

    private func takeLink(_ tag: Tag) {
        guard let href = tag.value(.href) else { return }
        if tag.isOverlong(.href) {
            page.invalid += 1
            return
        }
        let relations = Words(tag.value(.rel))
        links.add(
            text(href), isNext: relations.contains("next"),
            isNofollow: relations.contains("nofollow"), isConverted: converter != nil)
    }

    private func takeMeta(_ tag: Tag) {
        if let name = tag.value(.name), let content = tag.value(.content) {
            let names = Words(name)
            if names.isOnly("robots") || names.isOnly("runner") {
                let rules = Words(content)
                if rules.contains("nofollow") || rules.contains("none") { page.isNofollow = true }
            }
        }
        guard !isCharsetCertain, converter == nil else { return }
        var charset = tag.value(.charset).flatMap { Charset(label: $0) }
        if charset == nil, Words(tag.value(.httpEquiv)).isOnly("content-type") {
            charset = tag.value(.content).flatMap { Charset(contentType: $0) }
        }
        guard let charset else { return }
        // What names itself in ASCII is no UTF-16.
        use(charset == .utf16LE || charset == .utf16BE ? .utf8 : charset)
    }

    /// The text of a value in UTF-8, with its character references replaced.
    private func text(_ value: [UInt8]) -> [UInt8] {
        let decoded: [UInt8]
        if let converter {
            decoded = converter.decode(value)
        } else {
            decoded = TextConverter.decodeUndeclared(value)
        }
        return CharacterReferences.decode(decoded)
    }
}
