/// A character set, by the name that the Encoding Standard gives it.
/// - SeeAlso: <https://encoding.spec.whatwg.org/#names-and-labels>
struct Charset: Hashable {
    /// The name in lower case, for example `shift_jis`.
    let name: String

    static let utf8 = Charset(name: "utf-8")
    static let windows1252 = Charset(name: "windows-1252")
    static let utf16LE = Charset(name: "utf-16le")
    static let utf16BE = Charset(name: "utf-16be")
    static let iso2022JP = Charset(name: "iso-2022-jp")
    static let eucJP = Charset(name: "euc-jp")

    private init(name: String) { self.name = name }

    /// The character set that a label stands for.
    ///
    /// - Returns: `nil` for a label that the standard does not know, or takes for a danger.
    init?(label: some Collection<UInt8>) {
        let isSpace = { (byte: UInt8) in byte.isHTMLSpace }
        let trimmed = label.drop(while: isSpace).reversed().drop(while: isSpace).reversed()
        guard trimmed.count <= 40 else { return nil }
        guard let name = Self.names[String(decoding: trimmed, as: UTF8.self).lowercased()] else {
            return nil
        }
        self.init(name: name)
    }

    /// The name by which the system's iconv knows it: of several, the one that takes most.
    var systemName: String {
        switch name {
        case "iso-8859-8-i": "ISO-8859-8"
        case "windows-874": "CP874"
        case "x-mac-cyrillic": "MAC-CYRILLIC"
        case "gbk": "GB18030"
        case "big5": "BIG5-HKSCS"
        case "shift_jis": "CP932"
        case "euc-kr": "CP949"
        case _ where name.hasPrefix("windows-"): "CP\(name.dropFirst(8))"
        default: name.uppercased()
        }
    }

    /// The names by label, from lines of `name: label label …`.
    private static let names: [String: String] = {
        var names: [String: String] = [:]
        for line in PackageResources.labels_txt.split(separator: 0x0A) {
            let words = String(decoding: line, as: UTF8.self).split(separator: " ")
            for label in words[1...] { names[String(label)] = String(words[0].dropLast()) }
        }
        return names
    }()
}

extension Charset {
    /// The character set that a Content-Type names, of a response's field or of a `meta` element.
    ///
    /// - Returns: `nil` when it names none that is known.
    init?(contentType: some Sequence<UInt8>) {
        let bytes = Array(contentType)
        let word = Array("charset".utf8)
        var index = 0
        while index + word.count < bytes.count {
            guard bytes[index...].prefix(word.count).map({ $0 | 0x20 }) == word else {
                index += 1
                continue
            }
            index += word.count
            var rest = bytes[index...].drop { $0.isHTMLSpace }
            guard rest.first == UInt8(ascii: "=") else { continue }
            rest = rest.dropFirst().drop { $0.isHTMLSpace }
            if let quote = rest.first, quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") {
                rest = rest.dropFirst()
                guard let end = rest.firstIndex(of: quote) else { return nil }
                self.init(label: rest[..<end])
            } else {
                self.init(label: rest.prefix { !$0.isHTMLSpace && $0 != UInt8(ascii: ";") })
            }
            return
        }
        return nil
    }
}
