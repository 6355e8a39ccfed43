/// A start or end tag, as far as links are made of it.
struct Tag {
    /// The names of tags that matter.
    enum Name: UInt8 {
        case anchor, area, link, base, meta
        /// The text that follows ends at the end tag of that name.
        case script, style, title, textarea, xmp, iframe, noembed, noframes
        /// All that follows is text.
        case plaintext
        case svg, math, foreignObject, desc
        /// One that ends SVG and MathML around it.
        case breakout
        case head, body, other
    }

    /// The names of attributes that matter.
    enum Attribute: Int, CaseIterable {
        case href, rel, name, content, charset, httpEquiv

        fileprivate var packed: PackedName {
            switch self {
            case .href: PackedName("href")
            case .rel: PackedName("rel")
            case .name: PackedName("name")
            case .content: PackedName("content")
            case .charset: PackedName("charset")
            case .httpEquiv: PackedName("http-equiv")
            }
        }
    }

    /// The most bytes of a value that are kept: more are no URL, and no name of anything here.
    static let valueBytesMax = 64 << 10

    var name = Name.other
    var isEnd = false
    var isSelfClosing = false
    /// The values as they stand, of attributes that are present.
    private var values = Attribute.allCases.map { _ in [UInt8]() }
    private var present: UInt8 = 0
    private var overlong: UInt8 = 0

    mutating func begin(isEnd: Bool) {
        name = .other
        self.isEnd = isEnd
        isSelfClosing = false
        (present, overlong) = (0, 0)
    }

    /// Returns the value of an attribute, its first `valueBytesMax` bytes; `nil` where the tag has
    /// no such attribute.
    func value(_ attribute: Attribute) -> [UInt8]? {
        present & attribute.bit != 0 ? values[attribute.rawValue] : nil
    }

    /// Whether an attribute's value has more than `valueBytesMax` bytes.
    func isOverlong(_ attribute: Attribute) -> Bool { overlong & attribute.bit != 0 }

    /// Begins an attribute, if it matters.
    ///
    /// - Returns: `nil` where its value need not be kept. Of two of a name, the first counts.
    mutating func add(_ name: PackedName) -> Attribute? {
        guard wantsAttributes,
            let attribute = Attribute.byName[name], present & attribute.bit == 0
        else { return nil }
        present |= attribute.bit
        values[attribute.rawValue].removeAll(keepingCapacity: true)
        return attribute
    }

    mutating func append(_ bytes: UnsafeRawBufferPointer, to attribute: Attribute) {
        let room = Self.valueBytesMax - values[attribute.rawValue].count
        if bytes.count > room { overlong |= attribute.bit }
        values[attribute.rawValue].append(contentsOf: bytes.prefix(room))
    }

    private var wantsAttributes: Bool {
        switch name {
        case .anchor, .area, .link, .base, .meta: !isEnd
        default: false
        }
    }
}

extension Tag.Attribute {
    fileprivate static let byName = Dictionary(
        uniqueKeysWithValues: allCases.map { ($0.packed, $0) })
    fileprivate var bit: UInt8 { 1 << UInt8(rawValue) }
}

extension Tag.Name {
    init(_ name: PackedName) { self = Self.byName[name] ?? .other }

    /// Whether all up to the end tag of this name is text.
    var holdsText: Bool {
        switch self {
        case .script, .style, .title, .textarea, .xmp, .iframe, .noembed, .noframes: true
        default: false
        }
    }

    private static let byName: [PackedName: Tag.Name] = {
        let named: [(StaticString, Tag.Name)] = [
            ("a", .anchor), ("area", .area), ("link", .link), ("base", .base), ("meta", .meta),
            ("script", .script), ("style", .style), ("title", .title), ("textarea", .textarea),
            ("xmp", .xmp), ("iframe", .iframe), ("noembed", .noembed), ("noframes", .noframes),
            ("plaintext", .plaintext), ("svg", .svg), ("math", .math), ("head", .head),
            ("foreignobject", .foreignObject), ("desc", .desc), ("body", .body),
        ]
        // Those of https://html.spec.whatwg.org/multipage/parsing.html#parsing-main-inforeign
        // that are not named above, and font, which ends SVG with some attributes alone.
        let breakouts: [StaticString] = [
            "b", "big", "blockquote", "br", "center", "code", "dd", "div", "dl", "dt", "em",
            "embed", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "li", "listing", "menu",
            "nobr", "ol", "p", "pre", "ruby", "s", "small", "span", "strong", "strike", "sub",
            "sup", "table", "tt", "u", "ul", "var",
        ]
        return Dictionary(
            uniqueKeysWithValues: (named + breakouts.map { ($0, .breakout) }).map {
                (PackedName($0), $1)
            })
    }()
}
