internal import JobStore

/// The normal form of a URL: URLs that RFC 3986, 6.2.2 and 6.2.3, takes for the same have the same
/// one, for HTTP and HTTPS.
///
///     HTTP://Example.COM:80         http://example.com/
///     http://h/a/./b/../%63?%7e#x   http://h/a/c?~
///     http://h/%c3%bc               http://h/%C3%BC
///
/// User names keep their case, and an empty query is another URL than none. A fragment is never
/// sent, and so left out.
package struct NormalURL {
    private let url: UnsafeRawBufferPointer
    private let text: UnsafeMutableRawBufferPointer
    private var count = 0
    /// Whether a dot follows a slash in what is written.
    private var mayHaveDots = false

    /// Writes the normal form of a URL; text that is no URL is written as it is.
    ///
    /// - Parameter text: Room for one byte more than the URL has.
    /// - Returns: The number of bytes written.
    package static func write(
        _ url: UnsafeRawBufferPointer, to text: UnsafeMutableRawBufferPointer
    ) -> Int {
        precondition(text.count > url.count, "there is room for a slash")
        var form = NormalURL(url, text)
        form.write()
        return form.count
    }

    private init(_ url: UnsafeRawBufferPointer, _ text: UnsafeMutableRawBufferPointer) {
        self.url = url
        self.text = text
    }

    private mutating func append(_ byte: UInt8) {
        text[count] = byte
        count += 1
    }

    private mutating func write() {
        guard let colon = first(":", in: 0..<url.count), colon + 3 <= url.count,
            url[colon + 1] == UInt8(ascii: "/"), url[colon + 2] == UInt8(ascii: "/")
        else {
            text.copyMemory(from: url)
            count = url.count
            return
        }
        for index in 0..<colon { append(url[index].inLowerCase) }
        let isHTTPS = count == 5
        append(UInt8(ascii: ":"))
        append(UInt8(ascii: "/"))
        append(UInt8(ascii: "/"))
        var path = colon + 3
        while path < url.count, !url[path].endsAuthority { path += 1 }
        writeAuthority(colon + 3..<path, isHTTPS: isHTTPS)
        let end = first("#", in: path..<url.count) ?? url.count
        let query = first("?", in: path..<end) ?? end
        let start = count
        if path == query { append(UInt8(ascii: "/")) }
        write(path..<query)
        if mayHaveDots { removeDots(from: start) }
        if query < end {
            append(UInt8(ascii: "?"))
            write(query + 1..<end)
        }
    }

    private func first(_ character: Unicode.Scalar, in range: Range<Int>) -> Int? {
        let byte = UInt8(ascii: character)
        var index = range.lowerBound
        while index < range.upperBound {
            if url[index] == byte { return index }
            index += 1
        }
        return nil
    }

    // MARK: - User, host and port

    private mutating func writeAuthority(_ range: Range<Int>, isHTTPS: Bool) {
        var host = range.lowerBound
        if let at = range.last(where: { url[$0] == UInt8(ascii: "@") }) {
            write(range.lowerBound..<at)
            append(UInt8(ascii: "@"))
            host = at + 1
        }
        var end = range.upperBound
        var port = end
        if host < end, url[host] == UInt8(ascii: "[") {
            // The zone of an address keeps its case: it is the name of an interface.
            end = first("]", in: host..<end).map { $0 + 1 } ?? end
            let zone = first("%", in: host..<end) ?? end
            for index in host..<zone { append(url[index].inLowerCase) }
            for index in zone..<end { append(url[index]) }
            port = end
        } else {
            end = first(":", in: host..<end) ?? end
            write(host..<end, inLowerCase: true)
            port = end
        }
        writePort(port..<range.upperBound, isHTTPS: isHTTPS)
    }

    /// Writes a port that is not the scheme's own.
    ///
    /// - Parameter range: The colon and digits; empty without a port.
    private mutating func writePort(_ range: Range<Int>, isHTTPS: Bool) {
        var digits = range.dropFirst()
        while let index = digits.first, url[index] == UInt8(ascii: "0") {
            digits = digits.dropFirst()
        }
        let own: StaticString = isHTTPS ? "443" : "80"
        let isOwn =
            digits.count == own.utf8CodeUnitCount
            && zip(digits, 0...).allSatisfy { url[$0] == own.utf8Start[$1] }
        guard !digits.isEmpty, !isOwn else { return }
        append(UInt8(ascii: ":"))
        for index in digits { append(url[index]) }
    }

    // MARK: - Path and query

    /// Writes part of the URL with its encoded bytes in normal form: those that need no encoding
    /// decoded, the others in upper case.
    private mutating func write(_ range: Range<Int>, inLowerCase: Bool = false) {
        var index = range.lowerBound
        while index < range.upperBound {
            var byte = url[index]
            index += 1
            if byte == UInt8(ascii: "%"), index + 1 < range.upperBound,
                let high = url[index].hexDigit, let low = url[index + 1].hexDigit
            {
                index += 2
                let decoded = high << 4 | low
                guard decoded.isUnreserved else {
                    append(byte)
                    append(high.upperHexDigit)
                    append(low.upperHexDigit)
                    continue
                }
                byte = decoded
            }
            if byte == UInt8(ascii: "."), text[count - 1] == UInt8(ascii: "/") {
                mayHaveDots = true
            }
            append(inLowerCase ? byte.inLowerCase : byte)
        }
    }

    /// Removes the segments `.` and `..` of the path, which is the end of what is written
    /// (RFC 3986, 5.2.4).
    private mutating func removeDots(from start: Int) {
        let end = count
        var read = start
        count = start
        // Each turn begins at a slash.
        while read < end {
            var next = read + 1
            while next < end, text[next] != UInt8(ascii: "/") { next += 1 }
            switch dots(read + 1..<next) {
            case 1:
                if next == end { append(UInt8(ascii: "/")) }
            case 2:
                while count > start {
                    count -= 1
                    if text[count] == UInt8(ascii: "/") { break }
                }
                if next == end { append(UInt8(ascii: "/")) }
            default:
                for index in read..<next { append(text[index]) }
            }
            read = next
        }
    }

    /// The number of dots that a segment is: 1 or 2; 0 for any other.
    private func dots(_ segment: Range<Int>) -> Int {
        let isDots =
            segment.count <= 2 && segment.allSatisfy { text[$0] == UInt8(ascii: ".") }
        return isDots ? segment.count : 0
    }
}

extension UInt8 {
    fileprivate var inLowerCase: UInt8 {
        UInt8(ascii: "A")...UInt8(ascii: "Z") ~= self ? self | 0x20 : self
    }

    fileprivate var endsAuthority: Bool {
        self == UInt8(ascii: "/") || self == UInt8(ascii: "?") || self == UInt8(ascii: "#")
    }

    fileprivate var hexDigit: UInt8? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    fileprivate var upperHexDigit: UInt8 {
        self < 10 ? self + UInt8(ascii: "0") : self - 10 + UInt8(ascii: "A")
    }
}
