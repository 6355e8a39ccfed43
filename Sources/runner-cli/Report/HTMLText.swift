/// Writes HTML and SVG. Texts and values of attributes are escaped, names are literals: nothing that
/// came from elsewhere becomes markup. Pure.
struct HTMLText {
    typealias Attribute = (name: StaticString, value: String)

    private(set) var text = ""

    mutating func element(
        _ name: StaticString, _ attributes: [Attribute] = [], _ content: (inout HTMLText) -> Void
    ) {
        open(name, attributes)
        content(&self)
        text += "</\(name)>"
    }

    mutating func element(
        _ name: StaticString, _ attributes: [Attribute] = [], text content: String
    ) {
        element(name, attributes) { $0.write(content) }
    }

    /// An element without content, as HTML and SVG have it.
    mutating func void(_ name: StaticString, _ attributes: [Attribute] = []) {
        open(name, attributes, end: "/>")
    }

    mutating func write(_ content: String) { text += Self.escaped(content) }

    /// Writes markup of the program's own.
    mutating func markup(_ content: StaticString) { text += "\(content)" }

    /// Writes a style sheet, which must hold no `<`.
    mutating func styles(_ bytes: [UInt8], nonce: String) {
        let styles = String(decoding: bytes, as: UTF8.self)
        precondition(!styles.contains("<"), "styles hold no markup")
        open("style", [("nonce", nonce)])
        text += styles + "</style>"
    }

    private mutating func open(
        _ name: StaticString, _ attributes: [Attribute], end: StaticString = ">"
    ) {
        text += "<\(name)"
        for (name, value) in attributes { text += " \(name)=\"\(Self.escaped(value))\"" }
        text += "\(end)"
    }

    /// The text with no character that has a meaning in markup. Characters that XML and HTML have no
    /// place for are replaced.
    static func escaped(_ text: String) -> String {
        var escaped = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;".unicodeScalars
            case "<": escaped += "&lt;".unicodeScalars
            case ">": escaped += "&gt;".unicodeScalars
            case "\"": escaped += "&quot;".unicodeScalars
            case "'": escaped += "&#39;".unicodeScalars
            case "\n", "\t": escaped.append(scalar)
            default:
                let isControl = scalar.properties.generalCategory == .control
                escaped.append(isControl ? "\u{FFFD}" : scalar)
            }
        }
        return String(escaped)
    }
}
