internal import Lists

/// Cuts HTML into tags, as the standard's tokenizer does: byte by byte, in time that grows with the
/// bytes alone, in memory that does not grow, and with the same tags wherever the bytes are cut into
/// pieces. A tag that is not whole at the end of the page is none.
///
/// Works on bytes in which ASCII stands for itself. Of what the tree of the page does to the
/// tokenizer it knows which elements hold text, and by their tags alone where SVG and MathML are,
/// in which none does.
/// - SeeAlso: <https://html.spec.whatwg.org/multipage/parsing.html#tokenization>
struct TagScanner {
    private enum State {
        case text, open, endOpen, name
        case beforeAttribute, attribute, afterAttribute
        case beforeValue, doubleQuoted, singleQuoted, unquoted, afterValue, selfClosing
        /// Behind `<!`, by how many dashes or bytes of `[CDATA[` have come.
        case declaration, declarationDash
        case marked(Int)
        /// All up to the next `>`: a DOCTYPE, or a comment that begins like none.
        case bogus
        case comment(CommentEnd)
        /// Within `[CDATA[`, by how many brackets have come.
        case cdata(Int)
        case rawText(RawTextEnd)
        case plain
    }

    /// The tag that has ended last.
    private(set) var tag = Tag()
    private var state = State.text
    private var name = PackedName()
    /// The attribute whose value is kept.
    private var attribute: Tag.Attribute?
    private var foreign = ForeignElements()

    /// Goes on to the end of the next tag.
    ///
    /// - Parameter offset: The index of the first byte that was not looked at, before and after.
    /// - Returns: Whether a tag has ended, which is in `tag`; `false` at the end of the bytes.
    mutating func next(_ bytes: UnsafeRawBufferPointer, from offset: inout Int) -> Bool {
        while offset < bytes.count {
            switch state {
            case .text:
                guard skip(to: "<", bytes, &offset) else { return false }
                state = .open
            case .bogus:
                guard skip(to: ">", bytes, &offset) else { return false }
                state = .text
            case .doubleQuoted:
                guard takeValue(to: UInt8(ascii: "\""), bytes, &offset) else { return false }
            case .singleQuoted:
                guard takeValue(to: UInt8(ascii: "'"), bytes, &offset) else { return false }
            case .comment(var end): takeComment(&end, bytes, &offset)
            case .rawText(var end): takeRawText(&end, bytes, &offset)
            case .plain: offset = bytes.count
            case .cdata(let brackets):
                state = Self.cdata(brackets, bytes[offset])
                offset += 1
            case .open, .endOpen, .declaration, .declarationDash, .marked:
                if takeMarkup(bytes[offset]) { offset += 1 }
            case .name, .beforeAttribute, .attribute, .afterAttribute, .beforeValue, .unquoted,
                .afterValue, .selfClosing:
                let byte = bytes[offset]
                let (isTaken, isWhole) = takeInTag(byte, bytes, offset)
                if isTaken { offset += 1 }
                if isWhole {
                    enter()
                    return true
                }
            }
        }
        return false
    }

    /// Goes behind the next byte of a kind.
    ///
    /// - Returns: Whether there is one.
    private func skip(
        to byte: Unicode.Scalar, _ bytes: UnsafeRawBufferPointer, _ offset: inout Int
    ) -> Bool {
        guard let found = bytes.offset(of: UInt8(ascii: byte), from: offset) else {
            offset = bytes.count
            return false
        }
        offset = found + 1
        return true
    }

    // MARK: - Behind `<`

    /// Takes a byte behind `<`, `</` or `<!`.
    ///
    /// - Returns: Whether it is taken; if not, it is to be given again.
    private mutating func takeMarkup(_ byte: UInt8) -> Bool {
        switch (state, byte) {
        case (.open, UInt8(ascii: "!")): state = .declaration
        case (.open, UInt8(ascii: "/")): state = .endOpen
        case (.open, UInt8(ascii: "?")): state = .bogus
        case (.open, _) where byte.isASCIILetter: return beginTag(isEnd: false)
        case (.open, _):
            state = .text
            return false
        case (.endOpen, UInt8(ascii: ">")): state = .text
        case (.endOpen, _) where byte.isASCIILetter: return beginTag(isEnd: true)
        case (.declaration, UInt8(ascii: "-")): state = .declarationDash
        case (.declaration, UInt8(ascii: "[")) where foreign.isHere: state = .marked(1)
        case (.declarationDash, UInt8(ascii: "-")): state = .comment(CommentEnd())
        case (.marked(let count), _) where byte == Self.mark.utf8Start[count]:
            state = count + 1 == Self.mark.utf8CodeUnitCount ? .cdata(0) : .marked(count + 1)
        default:
            state = .bogus
            return false
        }
        return true
    }

    private static let mark: StaticString = "[CDATA["

    private mutating func beginTag(isEnd: Bool) -> Bool {
        tag.begin(isEnd: isEnd)
        name = PackedName()
        state = .name
        return false
    }

    private mutating func takeComment(
        _ end: inout CommentEnd, _ bytes: UnsafeRawBufferPointer, _ offset: inout Int
    ) {
        while offset < bytes.count {
            if end.isInText {
                guard skip(to: "-", bytes, &offset) else { break }
                offset -= 1
            }
            offset += 1
            if end.take(bytes[offset - 1]) {
                state = .text
                return
            }
        }
        state = .comment(end)
    }

    private static func cdata(_ brackets: Int, _ byte: UInt8) -> State {
        switch byte {
        case UInt8(ascii: "]"): .cdata(min(brackets + 1, 2))
        case UInt8(ascii: ">") where brackets == 2: .text
        default: .cdata(0)
        }
    }

    private mutating func takeRawText(
        _ end: inout RawTextEnd, _ bytes: UnsafeRawBufferPointer, _ offset: inout Int
    ) {
        while offset < bytes.count {
            if end.isInText {
                guard skip(to: "<", bytes, &offset) else { break }
                offset -= 1
            }
            switch end.take(bytes[offset]) {
            case .more: offset += 1
            case .again: break
            case .end:
                // Its name is known, but nothing looks at end tags of text.
                tag.begin(isEnd: true)
                state = .beforeAttribute
                return
            }
        }
        state = .rawText(end)
    }
}

extension TagScanner {
    // MARK: - In a tag

    /// Takes a byte of a tag, outside of quotes.
    ///
    /// - Returns: Whether it is taken (if not, it is to be given again), and whether the tag is
    ///   whole with it.
    private mutating func takeInTag(
        _ byte: UInt8, _ bytes: UnsafeRawBufferPointer, _ offset: Int
    ) -> (isTaken: Bool, isWhole: Bool) {
        let isSpace = byte.isHTMLSpace
        if byte == UInt8(ascii: ">") { return end() }
        switch state {
        case .name:
            if isSpace || byte == UInt8(ascii: "/") {
                tag.name = Tag.Name(name)
                state = isSpace ? .beforeAttribute : .selfClosing
            } else {
                name.append(byte)
            }
        case .beforeAttribute, .afterAttribute:
            if isSpace { break }
            if byte == UInt8(ascii: "/") {
                state = .selfClosing
            } else if byte == UInt8(ascii: "="), case .afterAttribute = state {
                state = .beforeValue
            } else {
                name = PackedName()
                // Taken as it is: `=` may begin a name.
                name.append(byte)
                state = .attribute
            }
        case .attribute:
            if !isSpace, byte != UInt8(ascii: "/"), byte != UInt8(ascii: "=") {
                name.append(byte)
                break
            }
            attribute = tag.add(name)
            state = byte == UInt8(ascii: "=") ? .beforeValue : .afterAttribute
            return (byte == UInt8(ascii: "="), false)
        case .beforeValue:
            if isSpace { break }
            switch byte {
            case UInt8(ascii: "\""): state = .doubleQuoted
            case UInt8(ascii: "'"): state = .singleQuoted
            default:
                state = .unquoted
                return (false, false)
            }
        case .unquoted:
            if isSpace {
                state = .beforeAttribute
            } else if let attribute {
                tag.append(UnsafeRawBufferPointer(rebasing: bytes[offset...offset]), to: attribute)
            }
        case .afterValue, .selfClosing:
            state = byte == UInt8(ascii: "/") ? .selfClosing : .beforeAttribute
            return (isSpace || byte == UInt8(ascii: "/"), false)
        default: preconditionFailure("only states within a tag come here")
        }
        return (true, false)
    }

    /// Takes the `>` that ends the tag.
    private mutating func end() -> (isTaken: Bool, isWhole: Bool) {
        switch state {
        case .name: tag.name = Tag.Name(name)
        case .attribute: _ = tag.add(name)
        case .selfClosing: tag.isSelfClosing = true
        default: break
        }
        return (true, true)
    }

    /// Takes what comes of a value in quotes.
    ///
    /// - Returns: Whether the quote that ends it has come.
    private mutating func takeValue(
        to quote: UInt8, _ bytes: UnsafeRawBufferPointer, _ offset: inout Int
    ) -> Bool {
        let found = bytes.offset(of: quote, from: offset)
        let end = found ?? bytes.count
        if let attribute {
            tag.append(UnsafeRawBufferPointer(rebasing: bytes[offset..<end]), to: attribute)
        }
        offset = found.map { $0 + 1 } ?? end
        if found != nil { state = .afterValue }
        return found != nil
    }

    /// Goes on behind the tag: into text, where it begins such an element.
    private mutating func enter() {
        state = .text
        if tag.isEnd { return foreign.leave(tag) }
        // Of HTML, before it may be entered: a title in SVG holds no text.
        let isForeign = foreign.isHere
        foreign.enter(tag)
        if isForeign, tag.name.holdsText || tag.name == .plaintext { return }
        if tag.name == .plaintext {
            state = .plain
        } else if tag.name.holdsText {
            state = .rawText(RawTextEnd(tag.name))
        }
    }
}
