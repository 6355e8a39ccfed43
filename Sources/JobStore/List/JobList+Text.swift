/// Texts that lines of a list stand for.
extension JobList {
    /// The way a value is written where a placeholder stands.
    public enum Escaping: Sendable {
        /// As it is.
        case none
        /// Percent-encoded, but for letters, digits and `-._~` (RFC 3986, 2.3).
        case url
        /// As the characters of a JSON string.
        case json
    }

    /// Returns the URL of a job as its line has it.
    ///
    /// - Parameter fields: The fields of the line.
    public func url(of fields: [ArraySlice<UInt8>?], at position: Int) -> [UInt8] {
        text(
            of: request.urlTemplate, fields, at: position,
            escaping: request.isWholeURL ? .none : .url)
    }

    /// Returns the URL of a job without user name and password.
    public func publicURL(of fields: [ArraySlice<UInt8>?], at position: Int) -> [UInt8] {
        let url = url(of: fields, at: position)
        let start = min((url.firstIndex(of: UInt8(ascii: ":")) ?? 0) + 3, url.count)
        let authority = url[start...].prefix { !"/?#".utf8.contains($0) }
        guard let at = authority.lastIndex(of: UInt8(ascii: "@")) else { return url }
        return Array(url[..<start] + url[(at + 1)...])
    }

    /// Returns the line's own key; `nil` when it has none.
    public func key(of fields: [ArraySlice<UInt8>?]) -> ArraySlice<UInt8>? {
        self.fields.key.flatMap { fields[$0] }
    }

    /// Returns a text in which placeholders are replaced by values of a job.
    public func text(
        of template: TextTemplate, _ fields: [ArraySlice<UInt8>?], at position: Int,
        escaping: Escaping
    ) -> [UInt8] {
        template.text { placeholder, text in
            guard let index = index(of: placeholder) else {
                return placeholder.append(id(at: position), to: &text)
            }
            guard let value = fields[index] else { return }
            if placeholder.digitsMin > 0, let zeros = Self.zeros(before: value, placeholder) {
                text += repeatElement(UInt8(ascii: "0"), count: zeros)
            }
            Self.append(value, escaping, to: &text)
        }
    }

    /// Returns the index of the field that a placeholder stands for; `nil` when it stands for the
    /// ID.
    private func index(of placeholder: TextTemplate.Placeholder) -> Int? {
        if let index = fields.names.firstIndex(of: placeholder.name) { return index }
        return placeholder.name.isEmpty ? 0 : nil
    }

    /// The number of zeros that make a number as long as a placeholder asks for.
    private static func zeros(
        before value: ArraySlice<UInt8>, _ placeholder: TextTemplate.Placeholder
    ) -> Int? {
        let isNumber = value.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        return isNumber ? max(0, placeholder.digitsMin - value.count) : nil
    }

    /// Appends a value as it is written in some place.
    public static func append(
        _ value: ArraySlice<UInt8>, _ escaping: Escaping, to text: inout [UInt8]
    ) {
        switch escaping {
        case .none: text += value
        case .url:
            for byte in value {
                if byte.isUnreserved { text.append(byte) } else { text += percent(byte) }
            }
        case .json:
            for byte in value {
                switch byte {
                case UInt8(ascii: "\""), UInt8(ascii: "\\"): text += [UInt8(ascii: "\\"), byte]
                case 0..<0x20: text += Array("\\u00".utf8) + hex(byte)
                default: text.append(byte)
                }
            }
        }
    }

    private static func percent(_ byte: UInt8) -> [UInt8] { [UInt8(ascii: "%")] + hex(byte) }

    private static func hex(_ byte: UInt8) -> [UInt8] {
        [byte >> 4, byte & 15].map { $0 < 10 ? $0 + 0x30 : $0 + 0x37 }
    }
}

extension UInt8 {
    /// Whether the byte is never encoded in a URL (RFC 3986, 2.3).
    package var isUnreserved: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "-._~".utf8.contains(self)
        }
    }
}
