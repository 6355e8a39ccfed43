enum ASCII {
    static let tab: UInt8 = 0x09
    static let lineFeed: UInt8 = 0x0A
    static let carriageReturn: UInt8 = 0x0D
    static let space: UInt8 = 0x20
    static let slash: UInt8 = 0x2F
    static let zero: UInt8 = 0x30
    static let colon: UInt8 = 0x3A
}

/// Reads a number of digits only, without sign or spaces; nil when it is none or too large.
func decimal(_ digits: Span<UInt8>) -> Int? {
    guard !digits.isEmpty else { return nil }
    var number = 0
    for index in digits.indices {
        let digit = digits[index] &- ASCII.zero
        guard digit <= 9 else { return nil }
        let (tens, tensOverflow) = number.multipliedReportingOverflow(by: 10)
        let (sum, sumOverflow) = tens.addingReportingOverflow(Int(digit))
        guard !tensOverflow, !sumOverflow else { return nil }
        number = sum
    }
    return number
}

/// Turns `%2F` into `/` and so on; a percent sign without two hex digits stands for itself.
func percentDecoded(_ text: String) -> String {
    String(decoding: percentDecodedBytes(text), as: UTF8.self)
}

/// The same, of which the result need not be UTF-8.
func percentDecodedBytes(_ text: String) -> [UInt8] {
    let bytes = Array(text.utf8)
    var decoded: [UInt8] = []
    var index = 0
    while index < bytes.count {
        if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count,
            let high = hexDigit(bytes[index + 1]), let low = hexDigit(bytes[index + 2])
        {
            decoded.append(high << 4 | low)
            index += 3
        } else {
            decoded.append(bytes[index])
            index += 1
        }
    }
    return decoded
}

private func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}

extension Span<UInt8> {
    func firstIndex(of byte: UInt8) -> Int? {
        for index in indices where self[index] == byte {
            return index
        }
        return nil
    }

    /// - Parameter word: In lower case.
    func equalsIgnoringCase(_ word: StaticString) -> Bool {
        guard count == word.utf8CodeUnitCount else { return false }
        for index in indices where self[index] | 0x20 != word.utf8Start[index] {
            return false
        }
        return true
    }

    /// - Parameter word: In lower case, not empty.
    func containsIgnoringCase(_ word: StaticString) -> Bool {
        let length = word.utf8CodeUnitCount
        guard count >= length else { return false }
        for start in 0...(count - length)
        where extracting(start..<(start + length)).equalsIgnoringCase(word) {
            return true
        }
        return false
    }

    /// Where the bytes in `range` lie without the spaces and tabs around them.
    func trimmed(_ range: Range<Int>) -> Range<Int> {
        var start = range.lowerBound
        var end = range.upperBound
        while start < end, self[start] == ASCII.space || self[start] == ASCII.tab { start += 1 }
        while end > start, self[end - 1] == ASCII.space || self[end - 1] == ASCII.tab { end -= 1 }
        return start..<end
    }
}
