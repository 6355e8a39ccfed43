/// The form of a list: how its bytes become rows, and which columns they have.
public enum ListFormat: String, CaseIterable, Sendable {
    /// One value a line. Blank lines and lines that begin with `#` are left out.
    case lines
    /// Comma-separated values with a header, by RFC 4180.
    case csv
    /// Values separated by tabs, with a header; quotes mean the same as in `csv`.
    case tsv
    /// One JSON object a line, whose members describe a request.
    case jsonl
    /// A sitemap or an index of sitemaps, in XML.
    /// - SeeAlso: <https://www.sitemaps.org/protocol.html>
    case sitemap

    /// The columns of every list in this format; `nil` when the list's header names them.
    var fixedColumns: [String]? {
        switch self {
        case .lines: [""]
        case .csv, .tsv: nil
        case .jsonl: JSONColumn.allCases.map(\.name)
        case .sitemap: SitemapColumn.allCases.map(\.name)
        }
    }

    /// Guesses the format of a list, mainly by its name. A suffix of compression counts for
    /// nothing: `urls.csv.gz` is `csv`.
    ///
    /// - Parameters:
    ///   - name: The list's name or path.
    ///   - firstBytes: The beginning of the list, decompressed. It decides where the name says
    ///     nothing: `<` begins a sitemap, `{` JSON Lines, anything else lines.
    public static func guess(
        name: String, firstBytes: some Sequence<UInt8>
    ) -> ListFormat {
        if let format = ListFormat(fileName: name) { return format }
        return switch firstMark(in: firstBytes) {
        case UInt8(ascii: "<"): .sitemap
        case UInt8(ascii: "{"): .jsonl
        default: .lines
        }
    }

    /// The format that a file's name tells; `nil` when it tells none.
    public init?(fileName: String) {
        var name = fileName.lowercased()[...]
        for suffix in [".gz", ".zst", ".zstd", ".bz2", ".bzip2", ".xz"]
        where name.hasSuffix(suffix) {
            name = name.dropLast(suffix.count)
            break
        }
        let suffixes: [(ListFormat, [String])] = [
            (.lines, [".txt", ".lst", ".list", ".urls"]), (.csv, [".csv"]),
            (.tsv, [".tsv", ".tab"]), (.jsonl, [".jsonl", ".ndjson"]), (.sitemap, [".xml"]),
        ]
        let told = suffixes.first { _, suffixes in suffixes.contains(where: name.hasSuffix) }
        guard let told else { return nil }
        self = told.0
    }

    /// The format that a media type tells; `nil` when it tells none, as `text/plain`, which servers
    /// call whatever they do not know.
    public init?(mediaType: String) {
        let type = mediaType.prefix { $0 != ";" }.filter { $0 != " " }.lowercased()
        switch type {
        case "text/csv": self = .csv
        case "text/tab-separated-values": self = .tsv
        case "application/jsonl", "application/x-ndjson", "application/x-jsonlines": self = .jsonl
        case "application/xml", "text/xml": self = .sitemap
        default: return nil
        }
    }

    /// The first byte behind white space and a byte order mark.
    static func firstMark(in bytes: some Sequence<UInt8>) -> UInt8? {
        bytes.first { $0 > 0x20 && ![0xEF, 0xBB, 0xBF].contains($0) }
    }
}
