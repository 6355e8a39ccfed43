/// Paths and patterns in the one form in which they are compared octet by octet.
///
/// > Octets in the URI and robots.txt paths outside the range of the ASCII coded character set, and
/// > those in the reserved range defined by RFC 3986, MUST be percent-encoded as defined by RFC 3986
/// > prior to comparison. If a percent-encoded ASCII octet is encountered in the URI, it MUST be
/// > unencoded prior to comparison, unless it is a reserved character in the URI […] or the
/// > character is outside the unreserved character range.
/// <https://www.rfc-editor.org/rfc/rfc9309#section-2.2.2>
///
/// Reserved characters that give a URL its form stay as they are, and differ from their encoded
/// form: `/` in the path, the first `?`, `&` and `=`.
///
/// | written | compared |
/// |---|---|
/// | `/a?b=https://c` | `/a?b=https%3A%2F%2Fc` |
/// | `/ツ`, `/%e3%83%84` | `/%E3%83%84` |
/// | `/%62%61z` | `/baz` |
/// | `/a%2fb` | `/a%2Fb` |
/// | `/a*b$` as a path | `/a%2Ab%24` |
enum RobotsPath {
    /// Returns a path, with its query, as patterns are compared with it.
    static func normal(path: some Sequence<UInt8>) -> [UInt8] {
        normal(Array(path), isPattern: false)
    }

    /// Returns a pattern as paths are compared with it: `*` and a final `$` keep their meaning.
    static func normal(pattern: some Sequence<UInt8>) -> [UInt8] {
        normal(Array(pattern), isPattern: true)
    }

    private static func normal(_ text: [UInt8], isPattern: Bool) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        var isInQuery = false
        var index = 0
        while index < text.count {
            let byte = text[index]
            let isLast = index == text.count - 1
            if byte == UInt8(ascii: "%"), let octet = octet(at: index, of: text) {
                octet.isUnreserved ? result.append(octet) : append(octet, to: &result)
                index += 3
                continue
            }
            index += 1
            switch byte {
            case UInt8(ascii: "*") where isPattern, UInt8(ascii: "$") where isPattern && isLast:
                result.append(byte)
            case UInt8(ascii: "?") where !isInQuery:
                isInQuery = true
                result.append(byte)
            case UInt8(ascii: "/") where !isInQuery, UInt8(ascii: "&"), UInt8(ascii: "="):
                result.append(byte)
            case _ where byte.isUnreserved: result.append(byte)
            default: append(byte, to: &result)
            }
        }
        return result
    }

    /// Returns the octet that is encoded at a place; `nil` where none is.
    private static func octet(at index: Int, of text: [UInt8]) -> UInt8? {
        guard index + 2 < text.count, let high = text[index + 1].hexDigit,
            let low = text[index + 2].hexDigit
        else { return nil }
        return high << 4 | low
    }

    private static func append(_ octet: UInt8, to result: inout [UInt8]) {
        result.append(UInt8(ascii: "%"))
        for digit in [octet >> 4, octet & 15] {
            result.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "A") + digit - 10)
        }
    }

    /// Returns the number of octets of a pattern in its normal form, an encoded one counting as one.
    static func octets(of pattern: [UInt8]) -> Int {
        pattern.count - 2 * pattern.count { $0 == UInt8(ascii: "%") }
    }

    /// Whether a pattern matches a path, both in their normal form.
    ///
    /// - Complexity: O(path · pattern) at worst, O(path) as patterns are; without an allocation.
    static func matches(_ pattern: UnsafeBufferPointer<UInt8>, _ path: UnsafeBufferPointer<UInt8>)
        -> Bool
    {
        let isAnchored = pattern.last == UInt8(ascii: "$")
        let end = isAnchored ? pattern.count - 1 : pattern.count
        var (at, place) = (0, 0)
        // The last star passed, and the place in the path up to which it stands for what was read.
        var (star, starEnd) = (-1, 0)
        while at < end || isAnchored && place < path.count {
            if at < end, pattern[at] == UInt8(ascii: "*") {
                (star, starEnd) = (at, place)
                at += 1
            } else if at < end, place < path.count, pattern[at] == path[place] {
                at += 1
                place += 1
            } else {
                guard star >= 0, starEnd < path.count else { return false }
                starEnd += 1
                (at, place) = (star + 1, starEnd)
            }
        }
        return true
    }
}

extension UInt8 {
    /// Whether the byte is one of RFC 3986's unreserved characters.
    fileprivate var isUnreserved: Bool {
        switch self {
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"): true
        default: isLetterOrDigit
        }
    }

    /// The value of a hexadecimal digit; `nil` when the byte is none.
    fileprivate var hexDigit: UInt8? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
        case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
        case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
