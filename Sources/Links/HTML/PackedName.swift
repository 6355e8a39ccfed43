/// A name of up to 16 bytes of ASCII as two numbers, which are compared at once. Letters count in
/// lower case.
struct PackedName: Hashable {
    private var low: UInt64 = 0
    private var high: UInt64 = 0
    private var count = 0

    init() {}

    /// Of few names that are looked for, the first letters are enough.
    func hash(into hasher: inout Hasher) { hasher.combine(low) }

    init(_ text: StaticString) {
        precondition(text.utf8CodeUnitCount <= 16, "the names that are looked for are short")
        for index in 0..<text.utf8CodeUnitCount { append(text.utf8Start[index]) }
    }

    /// Adds a byte. Names that become too long are equal to no other that is looked for.
    mutating func append(_ byte: UInt8) {
        let lower = UInt64(UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte ? byte | 0x20 : byte)
        if count < 8 {
            low |= lower << UInt64(8 * count)
        } else if count < 16 {
            high |= lower << UInt64(8 * (count - 8))
        }
        // Past 17 it need not count on, and must not overflow.
        if count < 17 { count += 1 }
    }
}
