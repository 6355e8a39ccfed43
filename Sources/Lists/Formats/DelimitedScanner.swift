/// Reads CSV or TSV: a header, then records with as many fields.
final class DelimitedScanner {
    /// The names of the columns; none when the list has not even a header.
    let columns: [String]

    private let cutter: RecordCutter
    private let splitter: RecordSplitter
    private let place: ReadingPlace
    private let rowBytesMax: Int
    private let fields: FieldBuffer

    /// Reads the header.
    init(
        _ window: ByteWindow, _ place: ReadingPlace, _ options: ListOptions, format: ListFormat
    ) throws(ListError) {
        let separator = try Self.separator(window, place, options, format: format)
        cutter = RecordCutter(
            window, place, separator: separator, recordBytesMax: options.rowBytesMax)
        splitter = RecordSplitter(separator: separator)
        columns = try Self.header(cutter, splitter, place, name: window.file.name)
        fields = FieldBuffer(countMax: columns.count)
        self.place = place
        rowBytesMax = options.rowBytesMax
    }

    func next() throws(ListError) -> ListRow? {
        while let record = try cutter.next() {
            switch record {
            case .whole(let record, let hasQuotes):
                if record.isEmpty {
                    place.blankLines += 1
                    continue
                }
                return row(of: record, hasQuotes: hasQuotes)
            case .tooLong(let excerpt):
                return .rejected(.tooLong(place.lineNumber, rowBytesMax, of: excerpt))
            case .unterminated(let excerpt):
                let last = place.nextLineNumber - 1
                return .rejected(
                    ListRejection(
                        place.lineNumber, .unterminatedQuote,
                        "opens a quote that the list does not close, up to its end in line \(last)",
                        of: excerpt))
            }
        }
        return nil
    }

    private func row(of record: UnsafeRawBufferPointer, hasQuotes: Bool) -> ListRow {
        let line = place.lineNumber
        guard splitter.split(record, hasQuotes: hasQuotes, into: fields) else {
            return .rejected(
                ListRejection(
                    line, .textAfterQuote, "has text behind a quoted field's end", of: record))
        }
        guard fields.count == columns.count else {
            let found = fields.count == 1 ? "1 field" : "\(fields.count) fields"
            return .rejected(
                ListRejection(
                    line, .fieldCount, "has \(found), and the header has \(columns.count)",
                    of: record))
        }
        if !TextCheck.isPrintableASCII(record) {
            // Line ends and tabs may stand in a field.
            if record.offset(of: 0) != nil { return .rejected(.controlByte(line, 0, of: record)) }
            if !TextCheck.isUTF8(record) { return .rejected(.notUTF8(line, of: record)) }
        }
        return fields.row()
    }

    /// The byte between two fields: as it was chosen, or as the header's first line tells.
    private static func separator(
        _ window: ByteWindow, _ place: ReadingPlace, _ options: ListOptions, format: ListFormat
    ) throws(ListError) -> UInt8 {
        if let separator = options.separator { return separator }
        if format == .tsv { return UInt8(ascii: "\t") }
        var searched = 0
        while true {
            let unread = window.unread
            let begin = unread.firstIndex { $0 != 0x0A && $0 != 0x0D } ?? unread.count
            let end = unread.offset(of: UInt8(ascii: "\n"), from: max(begin, searched))
            searched = unread.count
            if end == nil, searched <= options.rowBytesMax, try window.fill() { continue }
            let line = unread[begin..<(end ?? unread.count)]
            let hasComma = line.contains(UInt8(ascii: ","))
            return line.contains(UInt8(ascii: ";")) && !hasComma
                ? UInt8(ascii: ";") : UInt8(ascii: ",")
        }
    }
}

extension DelimitedScanner {
    /// Reads the first record that is no blank line.
    ///
    /// - Returns: Its fields, which are all different; none at the list's end.
    fileprivate static func header(
        _ cutter: RecordCutter, _ splitter: RecordSplitter, _ place: ReadingPlace, name: String
    ) throws(ListError) -> [String] {
        func bad(_ problem: String) -> ListError {
            ListError(.badHeader, name, "has a header that \(problem)")
        }
        while let record = try cutter.next() {
            guard case .whole(let record, let hasQuotes) = record else {
                throw bad("is too long, or opens a quote that is not closed")
            }
            if record.isEmpty {
                place.blankLines += 1
                continue
            }
            let fields = FieldBuffer(countMax: .max)
            guard splitter.split(record, hasQuotes: hasQuotes, into: fields) else {
                throw bad("has text behind a quoted name's end")
            }
            guard TextCheck.isUTF8(record) else { throw bad("is not UTF-8") }
            var columns: [String] = []
            var known: Set<String> = []
            for index in 0..<fields.count {
                guard let field = fields[index]?.withoutOuterBlanks, !field.isEmpty else {
                    throw bad("gives column \(index + 1) no name")
                }
                if TextCheck.firstControlByte(in: field) != nil {
                    throw bad("holds a control character, or CR alone as the end of a line")
                }
                let column = String(decoding: field, as: UTF8.self)
                guard known.insert(column).inserted else {
                    throw bad("names a column twice: \(ShownText.of(column.utf8))")
                }
                columns.append(column)
            }
            return columns
        }
        return []
    }
}
