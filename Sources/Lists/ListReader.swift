/// Reads a list row by row, in memory that does not grow with the list.
///
/// ```swift
/// let reader = try ListReader(source: .file("items.csv.gz"))
/// while let row = try reader.next() {
///     switch row {
///     case .row(let fields): add(fields.field(0))
///     case .rejected(let rejection): tell(rejection)
///     case .waiting: break  // only with patience
///     }
/// }
/// ```
///
/// Compressed lists (gzip, zstd, bzip2, xz) are told by their first bytes, and decompressed. A
/// stream that is damaged or cut short is an error behind the rows before it, never an end.
public final class ListReader {
    /// The format, as it was given or guessed.
    public let format: ListFormat
    /// The names of the columns, by which a row's fields are asked for: `[""]` for `lines`, the
    /// header's names for `csv` and `tsv`, `url`, `method`, `headers`, `body`, `key` and `meta` for
    /// `jsonl`, `loc`, `lastmod`, `changefreq` and `priority` for `sitemap`. None for CSV or TSV
    /// without a header, which has no rows either.
    public let columns: [String]

    private let window: ByteWindow
    private let place: ReadingPlace
    private let scanner: Scanner
    /// The error that ended the reading: each further call throws it again.
    private var failure: ListError?

    // Not a protocol: a call a row costs less so.
    private enum Scanner {
        case lines(LinesScanner)
        case delimited(DelimitedScanner)
        case json(JSONLinesScanner)
        case sitemap(SitemapScanner)
    }

    /// Opens a list and reads its beginning: with CSV and TSV its header, too.
    ///
    /// - Parameters:
    ///   - format: `nil` to guess it by name and beginning.
    ///   - position: The `position` of another reader of the same list, behind whose last row this
    ///     one begins. An uncompressed file is not read up to there, others are, and sitemaps are
    ///     parsed.
    ///   - lineNumber: The `nextLineNumber` of that reader. Without it, lines count from there.
    /// - Throws: `ListError` when the list cannot be opened or read, or is no list, or ends before
    ///   `position`.
    public init(
        source: ListSource, format: ListFormat? = nil, options: ListOptions = ListOptions(),
        startingAt position: Int = 0, lineNumber: Int = 1
    ) throws(ListError) {
        precondition(position >= 0 && lineNumber > 0, "positions count from 0, lines from 1")
        let inflow = try ByteInflow(ByteFile(source), readBytes: options.readBytes)
        let window = ByteWindow(inflow, readBytes: options.readBytes)
        let place = ReadingPlace()
        let format = try Self.begin(window, format, name: source.name)
        place.position = window.position
        let scanner: Scanner
        switch format {
        case .lines: scanner = .lines(LinesScanner(window, place, options))
        case .csv, .tsv:
            scanner = .delimited(try DelimitedScanner(window, place, options, format: format))
        case .jsonl: scanner = .json(JSONLinesScanner(window, place, options))
        case .sitemap:
            scanner = .sitemap(try SitemapScanner(window, place, options, start: position))
        }
        if case .delimited(let scanner) = scanner {
            columns = scanner.columns
        } else {
            columns = format.fixedColumns ?? []
        }
        // What a sitemap's entry means depends on what comes before it.
        if format != .sitemap, position > window.position {
            try window.skip(to: position)
            place.position = position
            place.nextLineNumber = lineNumber
        }
        place.lineNumber = 0
        // Only from here on: what the beginning tells is waited for.
        window.file.patienceMillis = options.patience.map { Int32($0 / .milliseconds(1)) }
        self.format = format
        self.window = window
        self.place = place
        self.scanner = scanner
    }

    /// Reads the next row. The fields of the last one are no longer valid.
    ///
    /// - Returns: `nil` at the end; `.waiting` when nothing came for `ListOptions.patience`.
    /// - Throws: `ListError` when the list cannot be read any further; each further call throws it,
    ///   too.
    public func next() throws(ListError) -> ListRow? {
        if let failure { throw failure }
        do throws(ListError) {
            switch scanner {
            case .lines(let scanner): return try scanner.next()
            case .delimited(let scanner): return try scanner.next()
            case .json(let scanner): return try scanner.next()
            case .sitemap(let scanner): return try scanner.next()
            }
        } catch {
            if error.code == .waiting { return .waiting }
            failure = error
            throw error
        }
    }

    /// The line where the last row or rejection begins, counted from 1; 0 before the first one.
    public var lineNumber: Int { place.lineNumber }
    /// The line behind the last row or rejection: with `position`, where another reader may begin.
    public var nextLineNumber: Int { place.nextLineNumber }
    /// Whether the last row ended with the list, not with a line's end: its writer may have been cut
    /// short in it. `false` for sitemaps, which are whole or an error.
    public var isOpenEnded: Bool { place.isOpenEnded }
    /// The number of decompressed bytes up to the end of the last row or rejection, its line's end
    /// included. Before the first one: up to the end of the header or byte order mark.
    public var position: Int { place.position }
    /// The number of bytes read of the list as it lies there, compressed or not: up to 256 KB ahead
    /// of the last row. With `byteCount`, it tells how far the reading is.
    public var bytesRead: Int { window.file.bytesRead }
    /// The size of the list as it lies there; `nil` for a pipe.
    public var byteCount: Int? { window.file.byteCount }
    /// Whether it is a sitemap, or an index of sitemaps, by its root element; known once `next` has
    /// returned or thrown.
    public var isKnownSitemap: Bool {
        if case .sitemap(let scanner) = scanner { scanner.isKnownSitemap } else { false }
    }
    /// The number of blank lines that were left out; 0 for sitemaps.
    public var blankLines: Int { place.blankLines }
    /// The number of comments that were left out; 0 but for `lines`.
    public var comments: Int { place.comments }

    /// Settles the format, and drops a byte order mark.
    private static func begin(
        _ window: ByteWindow, _ format: ListFormat?, name: String
    ) throws(ListError) -> ListFormat {
        // Of a pipe, no more is waited for than it takes.
        try window.fill(to: 4)
        while format == nil, window.file.toldFormat == nil, window.unread.count < 1024,
            ListFormat.firstMark(in: window.unread) == nil, try window.fill()
        {}
        let beginning = window.unread
        // An origin has told what the name of the list says.
        let fileName = window.file.isOfOrigin ? "" : name
        let format =
            format ?? window.file.toldFormat
            ?? .guess(name: fileName, firstBytes: beginning.prefix(1024))
        // A parser of XML knows by itself what these mean.
        if format == .sitemap { return format }
        if let other = ForeignFormat.allCases.first(where: { beginning.starts(with: $0.magic) }) {
            throw ListError(.encoding, name, other.problem)
        }
        if beginning.starts(with: [0xEF, 0xBB, 0xBF]) { window.drop(3) }
        return format
    }
}

/// Files that are taken for lists, and are none that can be read.
private enum ForeignFormat: CaseIterable {
    case utf16BigEndian, utf16LittleEndian, zip, parquet, lz4, compress

    var magic: [UInt8] {
        switch self {
        case .utf16BigEndian: [0xFE, 0xFF]
        case .utf16LittleEndian: [0xFF, 0xFE]
        case .zip: [0x50, 0x4B, 0x03, 0x04]
        case .parquet: Array("PAR1".utf8)
        case .lz4: [0x04, 0x22, 0x4D, 0x18]
        case .compress: [0x1F, 0x9D]
        }
    }

    /// The end of a sentence that begins with the file's name.
    var problem: String {
        switch self {
        case .utf16BigEndian, .utf16LittleEndian: "is UTF-16, not UTF-8; convert it to UTF-8"
        case .zip: "is a ZIP archive or a workbook; unpack it, or save it as CSV"
        case .parquet: "is a Parquet file; export it as CSV"
        case .lz4: "is compressed with lz4, which is not read here; decompress it"
        case .compress: "is compressed with compress, which is not read here; decompress it"
        }
    }
}
