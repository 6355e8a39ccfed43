/// A request as far as it is looked at. Pure.
struct WebRequest: Sendable {
    let method: String
    /// The path, without what follows a question mark.
    let path: String
    let query: String
    /// The fields in order; names in any case.
    let fields: [(name: String, value: String)]

    init(method: String, target: String, fields: [(name: String, value: String)]) {
        self.method = method
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        path = String(parts[0])
        query = parts.count > 1 ? String(parts[1]) : ""
        self.fields = fields
    }

    /// The value of a field that is there once; `nil` when there is none, or more than one.
    func field(_ name: String) -> String? {
        let values = fields.filter { $0.name.lowercased() == name }
        return values.count == 1 ? values[0].value : nil
    }

    /// Whether there is such a field, once or more.
    func has(_ name: String) -> Bool { fields.contains { $0.name.lowercased() == name } }

    /// The value of a cookie.
    func cookie(_ name: String) -> Substring? {
        for pair in (field("cookie") ?? "").split(separator: ";") {
            let parts = pair.split(separator: "=", maxSplits: 1)
            if parts.count == 2, parts[0].drop(while: { $0 == " " }) == name { return parts[1] }
        }
        return nil
    }

    /// The credentials of the scheme Bearer.
    var bearer: Substring? {
        guard let value = field("authorization") else { return nil }
        let parts = value.split(separator: " ", maxSplits: 1)
        return parts.count == 2 && parts[0].lowercased() == "bearer" ? parts[1] : nil
    }
}

/// Names and values as forms send them (`a=1&b=2`). Pure.
enum FormText {
    /// - Returns: `nil` when the text is none, is not UTF-8, or names something twice.
    static func values(of text: some Sequence<UInt8>) -> [String: String]? {
        var values: [String: String] = [:]
        for pair in Array(text).split(separator: UInt8(ascii: "&")) {
            let parts = pair.split(
                separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let name = decoded(parts[0]), let value = decoded(parts[1]),
                !name.isEmpty, values.updateValue(value, forKey: name) == nil
            else { return nil }
        }
        return values
    }

    private static func decoded(_ bytes: ArraySlice<UInt8>) -> String? {
        var text: [UInt8] = []
        var rest = bytes
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+"): text.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                guard let high = rest.popFirst().flatMap(digit),
                    let low = rest.popFirst().flatMap(digit)
                else { return nil }
                text.append(high << 4 | low)
            default: text.append(byte)
            }
        }
        return String(validating: text, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
