internal import Synchronization

/// A handler's own name for the reason that a job has failed, such as `sold_out`.
///
/// A process keeps each name once, so that an outcome that has one is copied as easily as any other.
public struct HandlerReason: Hashable, Sendable {
    private let number: UInt16

    /// The most bytes of a name.
    public static let bytesMax = 24
    /// The most names that a store keeps apart in one queue; outcomes with others lose theirs.
    public static let storedMax = 32
    /// The most names that a process knows, for it may look at many queues.
    private static let knownMax = 4096

    private struct Book {
        var texts: [String] = []
        var numbers: [String: UInt16] = [:]
    }

    private static let book = Locked(Book())

    /// - Returns: `nil` when the text is no name (1 to 24 of the characters a to z, 0 to 9, `_` and `-`),
    ///   or when the process knows too many.
    public init?(_ text: String) {
        guard Self.isName(text) else { return nil }
        let number: UInt16? = Self.book.withLock { book in
            if let known = book.numbers[text] { return known }
            guard book.texts.count < Self.knownMax else { return nil }
            let number = UInt16(book.texts.count)
            book.texts.append(text)
            book.numbers[text] = number
            return number
        }
        guard let number else { return nil }
        self.number = number
    }

    /// Whether a text is a name.
    public static func isName(_ text: String) -> Bool {
        (1...bytesMax).contains(text.utf8.count) && text.utf8.allSatisfy(isPart)
    }

    private static func isPart(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    public var text: String { Self.book.withLock { $0.texts[Int(number)] } }

    /// The beginning of the labels of outcomes that have a name.
    static let labelStart = "\(Outcome.Reason.handler.rawValue):"
}
