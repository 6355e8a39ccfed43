/// The open elements of SVG and MathML, as far as tags tell them. In these, no element holds text
/// but as any other does, and `<![CDATA[` begins text.
/// - SeeAlso: <https://html.spec.whatwg.org/multipage/parsing.html#parsing-main-inforeign>
struct ForeignElements {
    /// More within each other are not counted.
    private static let depthMax = 64

    /// Elements of SVG and MathML, and those in SVG whose content is HTML again.
    private var open: [Tag.Name] = []

    /// Whether the place is in SVG or MathML, and not in HTML within it.
    var isHere: Bool { open.last == .svg || open.last == .math }

    mutating func enter(_ tag: Tag) {
        switch tag.name {
        case .math: push(tag)
        // In MathML, it is an element without a meaning.
        case .svg: if open.last != .math { push(tag) }
        case .foreignObject, .desc, .title: if open.last == .svg { push(tag) }
        case .breakout, .head, .body, .meta: while isHere { open.removeLast() }
        default: break
        }
    }

    private mutating func push(_ tag: Tag) {
        if !tag.isSelfClosing, open.count < Self.depthMax { open.append(tag.name) }
    }

    mutating func leave(_ tag: Tag) {
        guard !open.isEmpty, let index = open.lastIndex(of: tag.name) else { return }
        open.removeSubrange(index...)
    }
}
