internal import Glibc

/// Cuts a list into lines, which end with LF or CR LF, the last one with nothing, too.
final class LineCutter {
    enum Line {
        /// A line without its end; valid until the next one.
        case whole(UnsafeRawBufferPointer)
        /// A line that has too many bytes: its first ones.
        case tooLong([UInt8])
    }

    private let window: ByteWindow
    private let place: ReadingPlace
    private let lineBytesMax: Int

    init(_ window: ByteWindow, _ place: ReadingPlace, lineBytesMax: Int) {
        self.window = window
        self.place = place
        self.lineBytesMax = lineBytesMax
    }

    /// - Returns: `nil` at the list's end.
    func next() throws(ListError) -> Line? {
        var searched = 0
        while true {
            let unread = window.unread
            if let end = unread.offset(of: UInt8(ascii: "\n"), from: searched) {
                return take(end, endBytes: 1)
            }
            searched = unread.count
            // One more, since CR is not of the line.
            if searched > max(lineBytesMax, ListRejection.excerptBytesMax) + 1 {
                return try skipLine()
            }
            guard try window.fill() else {
                if unread.isEmpty { return nil }
                place.isOpenEnded = true
                return take(searched, endBytes: 0)
            }
        }
    }

    private func take(_ count: Int, endBytes: Int) -> Line {
        let line = UnsafeRawBufferPointer(rebasing: window.unread[..<count]).withoutCarriageReturn
        window.drop(count + endBytes)
        endLine()
        return line.count > lineBytesMax
            ? .tooLong(Array(line.prefix(ListRejection.excerptBytesMax))) : .whole(line)
    }

    /// Goes past a line without keeping it.
    private func skipLine() throws(ListError) -> Line {
        let excerpt = Array(window.unread.prefix(ListRejection.excerptBytesMax))
        while true {
            let unread = window.unread
            if let end = unread.offset(of: UInt8(ascii: "\n")) {
                window.drop(end + 1)
                break
            }
            window.drop(unread.count)
            guard try window.fillWithoutPause() else { break }
        }
        endLine()
        return .tooLong(excerpt)
    }

    private func endLine() {
        place.lineNumber = place.nextLineNumber
        place.nextLineNumber += 1
        place.position = window.position
    }
}

extension UnsafeRawBufferPointer {
    /// The index of the first such byte from `start` on.
    package func offset(of byte: UInt8, from start: Int = 0) -> Int? {
        guard let baseAddress, start < count else { return nil }
        guard let found = memchr(baseAddress + start, Int32(byte), count - start) else {
            return nil
        }
        return UnsafeRawPointer(found) - baseAddress
    }

    /// Without one CR at the end.
    var withoutCarriageReturn: UnsafeRawBufferPointer {
        last == UInt8(ascii: "\r") ? UnsafeRawBufferPointer(rebasing: dropLast()) : self
    }

    /// Without spaces and tabs at both ends.
    var withoutOuterBlanks: UnsafeRawBufferPointer {
        var (begin, end) = (0, count)
        while begin < end, self[begin] == 0x20 || self[begin] == 0x09 { begin += 1 }
        while begin < end, self[end - 1] == 0x20 || self[end - 1] == 0x09 { end -= 1 }
        return UnsafeRawBufferPointer(rebasing: self[begin..<end])
    }
}
