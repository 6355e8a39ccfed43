/// A secret that lets people see and change a run.
public struct WebToken: Sendable {
    public let text: String

    /// The fewest characters that a token of one's own has.
    public static let lengthMin = 16
    static let lengthMax = 256

    /// Makes a token of 128 random bits, from the system's generator.
    public init() {
        var random = SystemRandomNumberGenerator()
        let words = [random.next(), random.next()]
        text = words.map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }

    /// - Returns: `nil` unless the text is 16 to 256 letters, digits, or `-._~`: what stands in
    ///   links, cookies and headers as it is.
    public init?(_ text: String) {
        let isPlain = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "-._~".utf8.contains(byte)
            }
        }
        guard isPlain, (Self.lengthMin...Self.lengthMax).contains(text.utf8.count) else {
            return nil
        }
        self.text = text
    }

    /// Whether a text is the token. Takes as long wherever the two differ.
    func matches(_ other: some StringProtocol) -> Bool {
        let (own, other) = (Array(text.utf8), Array(other.utf8))
        var difference = UInt8(own.count == other.count ? 0 : 1)
        for (index, byte) in own.enumerated() {
            difference |= byte ^ (index < other.count ? other[index] : 0)
        }
        return difference == 0
    }
}
