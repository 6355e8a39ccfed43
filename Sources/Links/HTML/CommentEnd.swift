/// Looks for the end of a comment, from behind its `<!--` on.
/// - SeeAlso: <https://html.spec.whatwg.org/multipage/parsing.html#comment-start-state>
struct CommentEnd {
    private enum State { case start, startDash, text, dash, dashes, bang }
    private var state = State.start

    /// Whether nothing but a dash matters next.
    var isInText: Bool { state == .text }

    /// Takes a byte.
    ///
    /// - Returns: Whether the comment ends with it.
    mutating func take(_ byte: UInt8) -> Bool {
        let isDash = byte == UInt8(ascii: "-")
        let isEnd = byte == UInt8(ascii: ">")
        switch state {
        case .start:
            if isEnd { return true }
            state = isDash ? .startDash : .text
        case .startDash:
            if isEnd { return true }
            state = isDash ? .dashes : .text
        case .text: if isDash { state = .dash }
        case .dash: state = isDash ? .dashes : .text
        case .dashes:
            if isEnd { return true }
            if !isDash { state = byte == UInt8(ascii: "!") ? .bang : .text }
        case .bang:
            if isEnd { return true }
            state = isDash ? .dash : .text
        }
        return false
    }
}
