/// Takes texts and numbers off the front of bytes.
struct ByteScanner {
    private(set) var rest: Slice<UnsafeRawBufferPointer>

    init(_ bytes: UnsafeRawBufferPointer) { rest = bytes[...] }

    /// Takes `text` if it comes next.
    mutating func take(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard rest.count >= count else { return false }
        for offset in 0..<count
        where rest[rest.startIndex + offset] != text.utf8Start[offset] { return false }
        rest = rest.dropFirst(count)
        return true
    }

    /// Takes a number of decimal digits without sign and leading zeros.
    mutating func takeNumber() -> Int? {
        var number = 0
        var count = 0
        for byte in rest {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { break }
            let (tens, isTooMuch) = number.multipliedReportingOverflow(by: 10)
            let (sum, isOver) = tens.addingReportingOverflow(Int(byte & 0xF))
            guard !isTooMuch, !isOver, count == 0 || number > 0 else { return nil }
            number = sum
            count += 1
        }
        guard count > 0 else { return nil }
        rest = rest.dropFirst(count)
        return number
    }

    /// Takes the bytes before the first `byte`, and that byte.
    ///
    /// - Returns: The bytes before `byte`; `nil` when it does not come.
    mutating func take(before byte: UInt8) -> Slice<UnsafeRawBufferPointer>? {
        guard let end = rest.firstIndex(of: byte) else { return nil }
        defer { rest = rest[(end + 1)...] }
        return rest[..<end]
    }
}
