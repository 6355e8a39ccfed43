internal import Glibc

/// Cuts CSV into records, which end as lines do, except within quotes.
final class RecordCutter {
    enum Record {
        /// A record without its end; valid until the next one.
        case whole(UnsafeRawBufferPointer, hasQuotes: Bool)
        /// A record that has too many bytes: its first ones.
        case tooLong([UInt8])
        /// A record whose last field is quoted to the list's end: its first bytes.
        case unterminated([UInt8])
    }

    /// The state between two bytes of a record.
    private enum State {
        case fieldStart, plain, quoted
        /// Behind a quote within quotes: the field's end, or the first one of a doubled quote.
        case closing
    }

    private let window: ByteWindow
    private let place: ReadingPlace
    private let separator: UInt8
    private let recordBytesMax: Int

    init(_ window: ByteWindow, _ place: ReadingPlace, separator: UInt8, recordBytesMax: Int) {
        self.window = window
        self.place = place
        self.separator = separator
        self.recordBytesMax = recordBytesMax
    }

    /// - Returns: `nil` at the list's end.
    func next() throws(ListError) -> Record? {
        var searched = 0
        while true {
            let unread = window.unread
            let end = unread.offset(of: UInt8(ascii: "\n"), from: searched)
            let line = UnsafeRawBufferPointer(rebasing: unread[..<(end ?? unread.count)])
            // A record with quotes, or a long one, takes more care.
            if line.offset(of: UInt8(ascii: "\""), from: searched) != nil
                || line.count > recordBytesMax + 1
            {
                return try cutQuoted()
            }
            if let end { return take(end, lines: 1, drop: end + 1, hasQuotes: false) }
            searched = unread.count
            guard try window.fill() else {
                guard searched > 0 else { return nil }
                place.isOpenEnded = true
                return take(searched, lines: 1, drop: searched, hasQuotes: false)
            }
        }
    }

    private func take(_ count: Int, lines: Int, drop: Int, hasQuotes: Bool) -> Record {
        let record = UnsafeRawBufferPointer(rebasing: window.unread[..<count])
            .withoutCarriageReturn
        window.drop(drop)
        end(lines: lines)
        return record.count > recordBytesMax
            ? .tooLong(excerpt(record)) : .whole(record, hasQuotes: hasQuotes)
    }

    /// Follows the quotes of a record to its end. A record that is too long is followed, too: in
    /// the middle of a quoted field nothing tells a line from a record.
    private func cutQuoted() throws(ListError) -> Record {
        var state = State.fieldStart
        var cursor = 0
        var linesDropped = 0
        var beginning: [UInt8]?
        while true {
            let unread = window.unread
            let isWhole = follow(unread, &cursor, &state)
            // Two more: CR and LF are not of the record.
            if beginning == nil,
                cursor > max(recordBytesMax, ListRejection.excerptBytesMax) + 2
            {
                beginning = excerpt(unread)
            }
            if let beginning {
                linesDropped += newlines(in: unread[..<cursor])
                window.drop(cursor)
                cursor = 0
                if isWhole {
                    end(lines: linesDropped)
                    return .tooLong(beginning)
                }
            } else if isWhole {
                let lines = newlines(in: unread[..<cursor])
                return take(cursor - 1, lines: lines, drop: cursor, hasQuotes: true)
            }
            // A record of which nothing is dropped is followed again, from its beginning.
            let hasMore = try beginning == nil ? window.fill() : window.fillWithoutPause()
            if hasMore { continue }
            let lines = linesDropped + newlines(in: window.unread[..<cursor]) + 1
            return finish(state, cursor, lines: lines, beginning)
        }
    }

    /// The record that the list's end ends.
    private func finish(
        _ state: State, _ cursor: Int, lines: Int, _ beginning: [UInt8]?
    ) -> Record {
        place.isOpenEnded = true
        if state != .quoted, beginning == nil {
            return take(cursor, lines: lines, drop: cursor, hasQuotes: true)
        }
        let beginning = beginning ?? excerpt(window.unread)
        window.drop(cursor)
        end(lines: lines)
        return state == .quoted ? .unterminated(beginning) : .tooLong(beginning)
    }

    /// Moves the cursor behind the record's LF, or to the end of the bytes.
    ///
    /// - Returns: Whether the record is whole.
    private func follow(
        _ bytes: UnsafeRawBufferPointer, _ cursor: inout Int, _ state: inout State
    ) -> Bool {
        // Of its own, to stay in registers.
        var (index, now) = (cursor, state)
        defer { (cursor, state) = (index, now) }
        let separator = separator
        while index < bytes.count {
            if now == .quoted {
                guard let quote = bytes.offset(of: UInt8(ascii: "\""), from: index) else {
                    index = bytes.count
                    return false
                }
                (index, now) = (quote + 1, .closing)
                continue
            }
            let byte = bytes[index]
            index += 1
            if byte == UInt8(ascii: "\n") { return true }
            if byte == separator {
                now = .fieldStart
            } else if byte == UInt8(ascii: "\""), now != .plain {
                now = .quoted
            } else {
                now = .plain
            }
        }
        return false
    }

    private func newlines(in bytes: Slice<UnsafeRawBufferPointer>) -> Int {
        bytes.count { $0 == UInt8(ascii: "\n") }
    }

    private func excerpt(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        Array(bytes.prefix(ListRejection.excerptBytesMax))
    }

    private func end(lines: Int) {
        place.lineNumber = place.nextLineNumber
        place.nextLineNumber += lines
        place.position = window.position
    }
}
