internal import CExpat
internal import Glibc

/// Reads a sitemap or an index of sitemaps, entry by entry: the parser stops at the end of each.
///
/// Entities of the document's own are refused: a sitemap has no use for them, and a few lines of
/// them stand for gigabytes.
final class SitemapScanner {
    /// The most bytes that the parser gets at once.
    private static let pieceBytesMax = 64 << 10

    private let window: ByteWindow
    private let place: ReadingPlace
    private let rowBytesMax: Int
    private let bytesMax: Int
    /// The position up to which entries were read before.
    private let start: Int
    private let parser: XML_Parser
    private let entry: SitemapEntry
    private var state = State.fed
    /// The error that a callback found.
    private var fault: ListError?

    private enum State {
        /// The parser wants more bytes.
        case fed
        /// The parser stands at the end of an entry.
        case suspended
        /// The list has ended, and the parser was told.
        case last
        case ended
    }

    /// - Parameter start: The position where the last entry that is not wanted again ends.
    init(
        _ window: ByteWindow, _ place: ReadingPlace, _ options: ListOptions, start: Int
    ) throws(ListError) {
        guard let parser = XML_ParserCreate(nil) else {
            throw ListError(.tooLarge, window.file.name, "cannot be read: there is no memory")
        }
        self.parser = parser
        self.window = window
        self.place = place
        self.start = start
        rowBytesMax = options.rowBytesMax
        bytesMax = options.bytesMax ?? .max
        entry = SitemapEntry(bytesMax: options.rowBytesMax)
        setHandlers()
    }

    deinit { XML_ParserFree(parser) }

    /// Whether the root element is that of a sitemap or an index. It is not known before the first
    /// call of `next`.
    var isKnownSitemap: Bool { entry.isOfSitemap }

    func next() throws(ListError) -> ListRow? {
        while state != .ended {
            let result = try state == .suspended ? XML_ResumeParser(parser) : feed()
            switch result {
            case XML_STATUS_SUSPENDED: state = .suspended
            case XML_STATUS_OK: try wantMore()
            default: throw fault ?? parserError
            }
            if let row = entry.takeRow() {
                place.lineNumber = entry.lineNumber
                place.nextLineNumber = Int(XML_GetCurrentLineNumber(parser))
                return row
            }
        }
        return nil
    }

    /// Gives the parser the bytes that come next, or tells it that there are none.
    private func feed() throws(ListError) -> XML_Status {
        guard window.position < bytesMax else {
            throw ListError(.tooLarge, window.file.name, "has more than \(bytesMax) bytes")
        }
        if window.unread.isEmpty, try !window.fill() {
            state = .last
            return XML_Parse(parser, nil, 0, 1)
        }
        let piece = window.unread.prefix(Self.pieceBytesMax)
        guard let buffer = XML_GetBuffer(parser, Int32(piece.count)) else {
            return XML_STATUS_ERROR
        }
        buffer.copyMemory(from: piece.base.baseAddress.unsafelyUnwrapped, byteCount: piece.count)
        window.drop(piece.count)
        state = .fed
        return XML_ParseBuffer(parser, Int32(piece.count), 0)
    }

    private func wantMore() throws(ListError) {
        var status = XML_ParsingStatus()
        XML_GetParsingStatus(parser, &status)
        if status.parsing == XML_FINISHED {
            state = .ended
            return
        }
        state = .fed
        // The parser keeps a tag or comment until it is whole; later versions do not even look
        // before its size has doubled.
        let kept = window.position - max(Int(XML_GetCurrentByteIndex(parser)), 0)
        if kept > 2 * rowBytesMax + Self.pieceBytesMax {
            throw error("a tag or comment of more than \(rowBytesMax) bytes")
        }
    }

    private func setHandlers() {
        // Unretained: the parser is freed with its scanner.
        XML_SetUserData(parser, Unmanaged.passUnretained(self).toOpaque())
        XML_SetElementHandler(
            parser, { user, name, _ in SitemapScanner.of(user).open(name) },
            { user, _ in SitemapScanner.of(user).close() })
        XML_SetCharacterDataHandler(parser) { user, text, count in
            SitemapScanner.of(user).entry.add(
                UnsafeRawBufferPointer(start: text, count: Int(count)))
        }
        XML_SetStartDoctypeDeclHandler(parser) { user, _, _, _, hasDeclarations in
            if hasDeclarations != 0 { SitemapScanner.of(user).refuseEntities() }
        }
        XML_SetEntityDeclHandler(parser) { user, _, _, _, _, _, _, _, _ in
            SitemapScanner.of(user).refuseEntities()
        }
        // Of an entity that would be declared elsewhere: without it, a URL would lack its text.
        XML_SetSkippedEntityHandler(parser) { user, _, _ in
            let scanner = SitemapScanner.of(user)
            scanner.stop(scanner.error("an entity that is not declared"))
        }
    }

    private static func of(_ user: UnsafeMutableRawPointer?) -> SitemapScanner {
        guard let user else { preconditionFailure("the parser hands back what it was given") }
        return Unmanaged<SitemapScanner>.fromOpaque(user).takeUnretainedValue()
    }

    private func open(_ name: UnsafePointer<XML_Char>?) {
        guard let name else { return }
        let bytes = UnsafeRawBufferPointer(start: name, count: strlen(name))
        let problem = entry.open(bytes) { Int(XML_GetCurrentLineNumber(parser)) }
        if let problem { stop(ListError(.malformed, window.file.name, problem)) }
    }

    private func close() {
        entry.close()
        guard entry.row != nil else { return }
        let end = Int(XML_GetCurrentByteIndex(parser)) + Int(XML_GetCurrentByteCount(parser))
        if end <= start {
            _ = entry.takeRow()
            return
        }
        place.position = end
        let result = XML_StopParser(parser, XML_Bool(XML_TRUE))
        precondition(result == XML_STATUS_OK, "a parser that calls back can be stopped")
    }

    private func refuseEntities() {
        stop(
            ListError(
                .malformed, window.file.name,
                "declares entities, which a sitemap has no use for"))
    }

    private func stop(_ error: ListError) {
        // The first one is the cause.
        if fault == nil { fault = error }
        // Already stopped, it says so, and stays so.
        XML_StopParser(parser, XML_Bool(XML_FALSE))
    }

    private var parserError: ListError {
        let code = XML_GetErrorCode(parser)
        if code == XML_ERROR_UNKNOWN_ENCODING {
            return ListError(
                .encoding, window.file.name,
                "is in an encoding that is not read here; convert it to UTF-8")
        }
        return error(XML_ErrorString(code).map { String(cString: $0) } ?? "an unknown fault")
    }

    private func error(_ problem: String) -> ListError {
        let line = XML_GetCurrentLineNumber(parser)
        let column = XML_GetCurrentColumnNumber(parser) + 1
        return ListError(
            .malformed, window.file.name,
            "is no well-formed XML at line \(line), column \(column): \(problem)")
    }
}
