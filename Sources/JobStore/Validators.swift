/// The validators of a response: the words by which its server tells later whether it has changed
/// (RFC 9110, 8.8).
public struct Validators: Hashable, Sendable {
    /// The form that stores keep: a number, which says by its lowest bits whether there is a date and
    /// whether the tag is weak, and above them the tag's length plus one, or 0 for no tag; the date,
    /// if there is one; the tag without its quotes. Numbers are little-endian in base 128, dates
    /// zigzag, since some lie before 1970.
    let packed: [UInt8]

    /// The most bytes of an entity tag, its quotes included, that is kept.
    public static let entityTagBytesMax = 256

    /// - Parameters:
    ///   - entityTag: The value of `ETag`; `nil` for none.
    ///   - lastModifiedSeconds: The value of `Last-Modified`, in Unix time in seconds; `nil` for none.
    ///     A date outside of `dates` is left out.
    /// - Precondition: `entityTag` is as `isEntityTag` wants it.
    /// - Returns: `nil` when there is neither.
    public init?(entityTag: [UInt8]?, lastModifiedSeconds: Int?) {
        let date = lastModifiedSeconds.flatMap { Self.dates.contains($0) ? $0 : nil }
        guard entityTag != nil || date != nil else { return nil }
        var opaque: ArraySlice<UInt8> = []
        var head = date == nil ? 0 : Self.dateBit
        if let entityTag {
            precondition(Self.isEntityTag(entityTag), "what is kept as an entity tag is one")
            let isWeak = entityTag.starts(with: Self.weakPrefix)
            if isWeak { head |= Self.weakBit }
            opaque = entityTag.dropFirst(isWeak ? 3 : 1).dropLast()
            head |= (opaque.count + 1) << Self.lengthShift
        }
        var packed: [UInt8] = []
        packed.append(number: UInt(head))
        if let date {
            packed.append(number: UInt(bitPattern: date << 1 ^ date >> (Int.bitWidth - 1)))
        }
        self.packed = packed + opaque
    }

    /// The dates that are kept, in Unix time in seconds: those of the years 1583 to 9999, which HTTP
    /// can write.
    public static let dates = -12_212_553_600...253_402_300_799

    private static let dateBit = 1
    private static let weakBit = 2
    private static let lengthShift = 2
    private static let weakPrefix = Array("W/\"".utf8)

    /// Whether bytes are an entity tag that is kept.
    ///
    /// > entity-tag = [ weak ] opaque-tag; weak = %s"W/"; opaque-tag = DQUOTE *etagc DQUOTE;
    /// > etagc = %x21 / %x23-7E / obs-text
    /// <https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3>
    public static func isEntityTag(_ bytes: some Collection<UInt8>) -> Bool {
        guard bytes.count <= entityTagBytesMax else { return false }
        let quote = UInt8(ascii: "\"")
        let tag = bytes.dropFirst(bytes.starts(with: weakPrefix) ? 2 : 0)
        guard tag.count >= 2, tag.first == quote else { return false }
        for (index, byte) in tag.enumerated().dropFirst() {
            if index == tag.count - 1 { return byte == quote }
            guard isOfTag(byte) else { return false }
        }
        return false
    }

    /// Whether a byte may stand between the quotes of an entity tag.
    private static func isOfTag(_ byte: UInt8) -> Bool {
        byte >= 0x21 && byte != UInt8(ascii: "\"") && byte != 0x7F
    }

    /// The value for `If-None-Match`; `nil` when there is none.
    public var entityTag: [UInt8]? { fields.entityTag }

    /// The time for `If-Modified-Since`, in Unix time in seconds; `nil` when there is none.
    public var lastModifiedSeconds: Int? { fields.lastModifiedSeconds }

    private var fields: (entityTag: [UInt8]?, lastModifiedSeconds: Int?) {
        var reader = NumberReader(packed[...])
        guard let head = reader.next().map({ Int(truncatingIfNeeded: $0) }) else {
            return (nil, nil)
        }
        let date = head & Self.dateBit != 0 ? reader.nextSigned() : nil
        guard head >> Self.lengthShift > 0 else { return (nil, date) }
        let quote = UInt8(ascii: "\"")
        let prefix = head & Self.weakBit != 0 ? Self.weakPrefix : [quote]
        return (prefix + reader.rest + [quote], date)
    }

    // MARK: - Among others

    /// Reads validators off the front of bytes.
    ///
    /// - Returns: `nil` when the bytes do not begin with any.
    init?(_ reader: inout NumberReader) {
        guard let packed = Self.take(&reader) else { return nil }
        self.packed = Array(packed)
    }

    /// Takes the packed form of validators off the front of bytes.
    ///
    /// - Returns: `nil` when the bytes do not begin with validators as they were when they were kept:
    ///   a request is made of them.
    static func take(_ reader: inout NumberReader) -> ArraySlice<UInt8>? {
        let start = reader.rest.startIndex
        guard let head = reader.next(), head < 1 << 12 else { return nil }
        let hasDate = Int(head) & dateBit != 0
        let hasTag = Int(head) >> lengthShift > 0
        guard hasDate || hasTag, hasTag || Int(head) & weakBit == 0 else { return nil }
        if hasDate {
            guard let date = reader.nextSigned(), dates.contains(date) else { return nil }
        }
        guard let opaque = reader.take(hasTag ? Int(head) >> lengthShift - 1 : 0),
            opaque.count + (Int(head) & weakBit == 0 ? 2 : 4) <= entityTagBytesMax,
            opaque.allSatisfy(isOfTag)
        else { return nil }
        return reader.bytes[start..<opaque.endIndex]
    }
}

/// Reads numbers that are little-endian in base 128, and bytes.
struct NumberReader {
    let bytes: ArraySlice<UInt8>
    private(set) var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        rest = bytes
    }

    /// - Returns: `nil` when there is no number.
    mutating func next() -> UInt? {
        var (number, shift): (UInt, UInt) = (0, 0)
        while let byte = rest.first, shift < 64 {
            rest = rest.dropFirst()
            number |= UInt(byte & 127) << shift
            if byte < 128 { return number }
            shift += 7
        }
        return nil
    }

    /// Reads a number that is zigzag.
    ///
    /// - Returns: `nil` when there is no number.
    mutating func nextSigned() -> Int? {
        next().map { Int(bitPattern: $0 >> 1) ^ -Int(bitPattern: $0 & 1) }
    }

    /// - Returns: `nil` when there are fewer bytes.
    mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
        guard count <= rest.count else { return nil }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }
}

extension [UInt8] {
    /// Appends a number, little-endian in base 128.
    mutating func append(number: UInt) {
        var rest = number
        while rest >= 128 {
            append(UInt8(truncatingIfNeeded: rest) | 128)
            rest >>= 7
        }
        append(UInt8(rest))
    }
}
