/// Writes JSON on one line, member by member. Pure.
struct JSONWriter {
    private(set) var bytes: [UInt8] = []
    /// Whether a comma is due before the next member.
    private var isFirst = true

    init(capacity: Int = 4096) { bytes.reserveCapacity(capacity) }

    mutating func object(_ members: (inout JSONWriter) -> Void) {
        enclose(UInt8(ascii: "{"), UInt8(ascii: "}"), members)
    }

    mutating func array<Item>(
        _ items: some Sequence<Item>, _ item: (inout JSONWriter, Item) -> Void
    ) {
        enclose(UInt8(ascii: "["), UInt8(ascii: "]")) { writer in
            for next in items {
                writer.separate()
                item(&writer, next)
            }
        }
    }

    mutating func array(_ numbers: some Sequence<Int>) { array(numbers) { $0.value($1) } }

    /// Writes a member's name; its value follows.
    mutating func name(_ name: StaticString) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        name.withUTF8Buffer { bytes.append(contentsOf: $0) }
        bytes.append(contentsOf: [UInt8(ascii: "\""), UInt8(ascii: ":")])
    }

    mutating func member(_ name: StaticString, _ text: String?) {
        self.name(name)
        if let text { value(text) } else { null() }
    }

    mutating func member(_ name: StaticString, _ number: Int?) {
        self.name(name)
        if let number { value(number) } else { null() }
    }

    mutating func member(_ name: StaticString, _ number: Double?) {
        self.name(name)
        if let number { value(number) } else { null() }
    }

    mutating func member(_ name: StaticString, _ flag: Bool) {
        self.name(name)
        bytes.append(contentsOf: (flag ? "true" : "false").utf8)
    }

    mutating func value(_ number: Int) { bytes.append(contentsOf: String(number).utf8) }

    /// Writes a number with three decimals at most; `null` where it is none.
    mutating func value(_ number: Double) {
        guard number.isFinite, abs(number) < 1e15 else { return null() }
        let thousandths = (number * 1000).rounded() / 1000
        if let whole = Int(exactly: thousandths) { return value(whole) }
        bytes.append(contentsOf: "\(thousandths)".utf8)
    }

    mutating func value(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(contentsOf: [UInt8(ascii: "\\"), byte])
            case 0..<0x20, 0x7F:
                let digits = Array("0123456789abcdef".utf8)
                bytes.append(contentsOf: #"\u00"#.utf8)
                bytes.append(contentsOf: [digits[Int(byte >> 4)], digits[Int(byte & 15)]])
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func null() { bytes.append(contentsOf: "null".utf8) }

    private mutating func separate() {
        if !isFirst { bytes.append(UInt8(ascii: ",")) }
        isFirst = false
    }

    private mutating func enclose(
        _ open: UInt8, _ close: UInt8, _ members: (inout JSONWriter) -> Void
    ) {
        bytes.append(open)
        isFirst = true
        members(&self)
        bytes.append(close)
        isFirst = false
    }
}
