/// The columns of a sitemap, by the names of their elements.
enum SitemapColumn: Int, CaseIterable {
    case loc, lastmod, changefreq, priority

    private static let names: [StaticString] = ["loc", "lastmod", "changefreq", "priority"]

    init?(name: UnsafeRawBufferPointer) {
        guard let number = Self.names.firstIndex(where: { name.equals($0) }) else { return nil }
        self.init(rawValue: number)
    }

    var name: String { "\(Self.names[rawValue])" }
}

/// The entry of a sitemap that is being read, fed by the elements and texts of its document.
///
/// Names count without their prefixes. What is neither a sitemap's nor an entry's is passed over,
/// as extensions for images, videos and news are.
final class SitemapEntry {
    /// The most elements within each other.
    static let depthMax = 64

    /// The row or rejection of an entry that has just ended.
    private(set) var row: ListRow?
    /// The line where the entry begins.
    private(set) var lineNumber = 0
    /// Whether the root element has come, and is that of a sitemap or an index.
    private(set) var isOfSitemap = false

    private let bytesMax: Int
    private let texts = SitemapColumn.allCases.map { _ in ScratchBytes() }
    private let fields = FieldBuffer(countMax: SitemapColumn.allCases.count)
    private var depth = 0
    private var isIndex = false
    private var isInEntry = false
    /// The columns whose elements have come.
    private var seen: [SitemapColumn] = []
    /// The column whose element is open.
    private var column: SitemapColumn?
    private var twice: SitemapColumn?
    private var byteCount = 0

    /// - Parameter bytesMax: The most bytes of an entry's values.
    init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// Gives up the row, to go on to the next one.
    func takeRow() -> ListRow? {
        defer { row = nil }
        return row
    }

    /// Enters an element.
    ///
    /// - Parameters:
    ///   - name: The name, with a prefix or without.
    ///   - line: Tells the line where it stands.
    /// - Returns: The end of a sentence about the document when it is no sitemap; else `nil`.
    func open(_ name: UnsafeRawBufferPointer, line: () -> Int) -> String? {
        depth += 1
        guard depth <= Self.depthMax else {
            return "has more than \(Self.depthMax) elements within each other"
        }
        let name = UnsafeRawBufferPointer(
            rebasing: name[(name.offset(of: UInt8(ascii: ":")).map { $0 + 1 } ?? 0)...])
        switch depth {
        case 1:
            isIndex = name.equals("sitemapindex")
            guard isIndex || name.equals("urlset") else {
                return
                    "has the root element \(ShownText.of(name)), and that of a sitemap is urlset or sitemapindex"
            }
            isOfSitemap = true
        case 2:
            isInEntry = name.equals(isIndex ? "sitemap" : "url")
            if isInEntry { begin(at: line()) }
        case 3 where isInEntry:
            column = SitemapColumn(name: name)
            if let column, seen.contains(column) { twice = column }
            if let column { seen.append(column) }
        default: break
        }
        return nil
    }

    /// Adds text of the element that is open.
    func add(_ text: UnsafeRawBufferPointer) {
        guard depth == 3, let column else { return }
        byteCount += text.count
        if byteCount <= bytesMax { texts[column.rawValue].append(text) }
    }

    /// Leaves the element that is open.
    func close() {
        if depth == 3 { column = nil }
        if depth == 2, isInEntry { end() }
        depth -= 1
    }

    private func begin(at line: Int) {
        lineNumber = line
        seen.removeAll(keepingCapacity: true)
        (twice, byteCount) = (nil, 0)
        for text in texts { text.reset() }
    }

    private func end() {
        isInEntry = false
        fields.clear()
        for column in seen {
            fields.set(column.rawValue, to: texts[column.rawValue].bytes().withoutOuterWhitespace)
        }
        row = rejection().map { .rejected($0) } ?? fields.row(isSitemap: isIndex)
    }

    private func rejection() -> ListRejection? {
        let loc = texts[0].bytes()
        if byteCount > bytesMax { return .tooLong(lineNumber, bytesMax, of: loc) }
        if let twice {
            return ListRejection(
                lineNumber, .duplicateMember, "has the element \(twice.name) twice", of: loc)
        }
        if fields[0]?.isEmpty ?? true {
            return ListRejection(lineNumber, .missingMember, "has no loc", of: loc)
        }
        return nil
    }
}

extension UnsafeRawBufferPointer {
    /// Without what XML calls white space at both ends.
    fileprivate var withoutOuterWhitespace: UnsafeRawBufferPointer {
        let isBlank = { (byte: UInt8) in [0x20, 0x09, 0x0A, 0x0D].contains(byte) }
        guard let begin = firstIndex(where: { !isBlank($0) }),
            let last = lastIndex(where: { !isBlank($0) })
        else { return UnsafeRawBufferPointer(rebasing: self[..<0]) }
        return UnsafeRawBufferPointer(rebasing: self[begin...last])
    }
}
