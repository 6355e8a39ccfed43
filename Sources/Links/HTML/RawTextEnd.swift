/// Looks for the end tag of an element whose content is text: scripts, styles, titles and the like.
/// Within scripts, `<!--` and `<script` hide end tags as the standard has it.
/// - SeeAlso: <https://html.spec.whatwg.org/multipage/parsing.html#script-data-state>
struct RawTextEnd {
    private enum State {
        case text, less, endName
        // Of scripts, from `<!--` on.
        case bang, bangDash
        case escaped, escapedDash, escapedDashes, escapedLess, escapedEndName
        // Of scripts, from `<!--` and `<script` on.
        case openName, hidden, hiddenDash, hiddenDashes, hiddenLess, hiddenEndName
    }

    /// The state after a byte.
    enum Step {
        case more
        /// The text goes on, and the byte is to be given again.
        case again
        /// The byte is the one behind the name of the end tag.
        case end
    }

    private let element: Tag.Name
    private let isScript: Bool
    private var state = State.text
    private var name = PackedName()

    init(_ element: Tag.Name) {
        self.element = element
        isScript = element == .script
    }

    /// Whether nothing but `<` matters next.
    var isInText: Bool { state == .text }

    mutating func take(_ byte: UInt8) -> Step {
        switch state {
        case .text:
            if byte == UInt8(ascii: "<") { state = .less }
            return .more
        case .less:
            if byte == UInt8(ascii: "/") { return begin(.endName) }
            if isScript, byte == UInt8(ascii: "!") { return go(.bang) }
            return again(.text)
        case .endName: return takeName(byte, else: .text)
        case .bang: return byte == UInt8(ascii: "-") ? go(.bangDash) : again(.text)
        case .bangDash: return byte == UInt8(ascii: "-") ? go(.escapedDashes) : again(.text)
        case .escaped, .escapedDash, .escapedDashes, .escapedLess, .escapedEndName:
            return takeEscaped(byte)
        case .openName, .hidden, .hiddenDash, .hiddenDashes, .hiddenLess, .hiddenEndName:
            return takeHidden(byte)
        }
    }

    private mutating func takeEscaped(_ byte: UInt8) -> Step {
        switch (state, byte) {
        case (.escapedLess, UInt8(ascii: "/")): return begin(.escapedEndName)
        case (.escapedLess, _) where byte.isASCIILetter:
            name = PackedName()
            return again(.openName)
        case (.escapedLess, _): return again(.escaped)
        case (.escapedEndName, _): return takeName(byte, else: .escaped)
        case (_, UInt8(ascii: "<")): return go(.escapedLess)
        case (.escaped, UInt8(ascii: "-")): return go(.escapedDash)
        case (_, UInt8(ascii: "-")): return go(.escapedDashes)
        case (.escapedDashes, UInt8(ascii: ">")): return go(.text)
        default: return go(.escaped)
        }
    }

    private mutating func takeHidden(_ byte: UInt8) -> Step {
        switch (state, byte) {
        case (.openName, _): return takeScript(byte, then: .hidden, else: .escaped)
        case (.hiddenEndName, _): return takeScript(byte, then: .escaped, else: .hidden)
        case (.hiddenLess, UInt8(ascii: "/")): return begin(.hiddenEndName)
        case (.hiddenLess, _): return again(.hidden)
        case (_, UInt8(ascii: "<")): return go(.hiddenLess)
        case (.hidden, UInt8(ascii: "-")): return go(.hiddenDash)
        case (_, UInt8(ascii: "-")): return go(.hiddenDashes)
        case (.hiddenDashes, UInt8(ascii: ">")): return go(.text)
        default: return go(.hidden)
        }
    }

    /// Takes a byte of the name of an end tag.
    private mutating func takeName(_ byte: UInt8, else other: State) -> Step {
        if byte.isASCIILetter {
            name.append(byte)
            return .more
        }
        return byte.endsTagName && Tag.Name(name) == element ? .end : again(other)
    }

    /// Takes a byte of a name that may be `script`.
    private mutating func takeScript(
        _ byte: UInt8, then next: State, else other: State
    ) -> Step {
        if byte.isASCIILetter {
            name.append(byte)
            return .more
        }
        guard byte.endsTagName else { return again(other) }
        return go(Tag.Name(name) == .script ? next : other)
    }

    private mutating func go(_ next: State) -> Step {
        state = next
        return .more
    }

    private mutating func begin(_ next: State) -> Step {
        name = PackedName()
        return go(next)
    }

    private mutating func again(_ next: State) -> Step {
        state = next
        return .again
    }
}

extension UInt8 {
    var isASCIILetter: Bool { UInt8(ascii: "a")...UInt8(ascii: "z") ~= self | 0x20 }

    /// Whether the byte is one of the five that HTML takes for white space.
    var isHTMLSpace: Bool {
        self == 0x20 || self == 0x0A || self == 0x0D || self == 0x09 || self == 0x0C
    }

    var endsTagName: Bool {
        isHTMLSpace || self == UInt8(ascii: "/") || self == UInt8(ascii: ">")
    }
}
