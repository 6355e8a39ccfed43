/// The lines of up to 4,096 consecutive jobs of a list, as a store keeps them: compressed, and read
/// as a whole.
public struct ListBlock: Sendable {
    /// The position of the first job in the batch.
    public let first: Int
    /// The number of lines, 1 to `Segment.countMax`.
    public let count: Int
    /// The lane that the jobs belong to (`ListLane`).
    public let lane: Int
    /// The lines: a byte that says how they are packed, then themselves.
    public let bytes: [UInt8]

    public init(first: Int, count: Int, lane: Int, bytes: [UInt8]) {
        self.first = first
        self.count = count
        self.lane = lane
        self.bytes = bytes
    }

    /// The positions of the jobs.
    public var positions: Range<Int> { first..<first + count }

    /// Ways to pack lines, by the first byte of a block.
    enum Packing: UInt8 {
        case plain = 0
        case zstd = 1
    }

    /// The most bytes of a block before it is packed.
    static let plainBytesMax = 64 << 20

    /// The number of bytes of the lines before they were packed; 0 when the bytes are no block.
    public var plainByteCount: Int {
        switch bytes.first.flatMap(Packing.init(rawValue:)) {
        case .plain: bytes.count - 1
        case .zstd: Zstd.plainByteCount(of: bytes[1...]) ?? 0
        case nil: 0
        }
    }

    /// Reads the lines.
    ///
    /// - Returns: `nil` when the bytes are no block of `count` lines.
    public func lines() -> ListLines? {
        guard let packing = bytes.first.flatMap(Packing.init(rawValue:)) else { return nil }
        switch packing {
        case .plain: return ListLines(Array(bytes.dropFirst()), count: count)
        case .zstd:
            return Zstd.unpacked(bytes[1...], bytesMax: Self.plainBytesMax).flatMap {
                ListLines($0, count: count)
            }
        }
    }

    /// Returns a block of the lines of some of the jobs; `nil` when they cannot be read.
    package func part(_ positions: Range<Int>) -> ListBlock? {
        if positions == self.positions { return self }
        return lines().flatMap { part(positions, of: $0) }
    }

    /// Returns a block of some of the lines; `nil` when it does not have them.
    ///
    /// - Parameter lines: The block's lines.
    package func part(_ positions: Range<Int>, of lines: ListLines) -> ListBlock? {
        guard !positions.isEmpty, positions.clamped(to: self.positions) == positions else {
            return nil
        }
        var builder = ListBlockBuilder()
        for position in positions { builder.append(line: position - first, of: lines) }
        return builder.take(first: positions.lowerBound, lane: lane, ListPacker())
    }

    /// Returns a block of one of the lines alone, which is not packed.
    ///
    /// - Parameter lines: The block's lines.
    public func only(_ position: Int, of lines: ListLines) -> ListBlock {
        ListBlock(
            first: position, count: 1, lane: lane,
            bytes: [Packing.plain.rawValue] + lines.bytes(ofLine: position - first))
    }
}

/// Part of a list: lines that are claimed by the lane, so that a host whose jobs must wait does not
/// hold up the others. A host's lines are in one lane.
public struct ListLane: Hashable, Sendable {
    /// The lanes that hosts may share are below; each of the others has one host.
    public static let sharedMax = 1024

    public let batchID: Batch.ID
    public let number: Int

    /// Whether all jobs of the lane have one host.
    public var isOfOneHost: Bool { number >= Self.sharedMax }

    public init(batchID: Batch.ID, number: Int) {
        self.batchID = batchID
        self.number = number
    }
}

/// The lines of a block, unpacked.
public struct ListLines: Sendable {
    /// The lines one after another, in the form of `ListBlockBuilder`.
    public let bytes: [UInt8]
    /// The offsets where the lines begin, and the end of the last one.
    private let starts: [Int32]

    /// - Returns: `nil` when the bytes are not that many lines.
    init?(_ bytes: [UInt8], count: Int) {
        guard bytes.count <= ListBlock.plainBytesMax else { return nil }
        var starts: [Int32] = [0]
        starts.reserveCapacity(count + 1)
        var reader = FieldReader(bytes: bytes, offset: 0, end: bytes.count)
        for _ in 0..<count {
            guard reader.skipLine() else { return nil }
            starts.append(Int32(reader.offset))
        }
        guard reader.offset == bytes.count else { return nil }
        self.bytes = bytes
        self.starts = starts
    }

    public var count: Int { starts.count - 1 }

    /// Whether each line has so many fields.
    public func haveFields(_ count: Int) -> Bool {
        starts.dropLast().allSatisfy { start in
            var reader = FieldReader(bytes: bytes, offset: Int(start), end: bytes.count)
            return reader.fieldCount() == count
        }
    }

    /// Returns the fields of a line; a field that the line does not have is `nil`.
    ///
    /// - Parameter index: The index of the line, from 0.
    public func fields(ofLine index: Int) -> [ArraySlice<UInt8>?] {
        var reader = FieldReader(
            bytes: bytes, offset: Int(starts[index]), end: Int(starts[index + 1]))
        return reader.fields()
    }

    /// Returns the first field of a line, as a slice of `bytes`; `nil` when the line does not have
    /// it.
    public func firstField(ofLine index: Int) -> ArraySlice<UInt8>? {
        var reader = FieldReader(
            bytes: bytes, offset: Int(starts[index]), end: Int(starts[index + 1]))
        return reader.firstField()
    }

    /// Returns a copy of some of the lines.
    ///
    /// - Parameter indices: The indices of these lines, from 0.
    public func only(_ indices: [Int]) -> ListLines {
        var bytes: [UInt8] = []
        var starts: [Int32] = [0]
        bytes.reserveCapacity(indices.reduce(0) { $0 + self.bytes(ofLine: $1).count })
        starts.reserveCapacity(indices.count + 1)
        for index in indices {
            bytes += self.bytes(ofLine: index)
            starts.append(Int32(bytes.count))
        }
        return ListLines(bytes: bytes, starts: starts)
    }

    private init(bytes: [UInt8], starts: [Int32]) {
        self.bytes = bytes
        self.starts = starts
    }

    func bytes(ofLine index: Int) -> ArraySlice<UInt8> {
        bytes[Int(starts[index])..<Int(starts[index + 1])]
    }
}

/// Lines while they are gathered for a block.
///
/// A line is its number of fields, then each field as its length plus one and its bytes; the length
/// 0 stands for a field that the line does not have. Numbers are little-endian in base 128.
public struct ListBlockBuilder: Sendable {
    private var bytes: [UInt8] = []
    /// The number of lines.
    public private(set) var count = 0

    public init() {}

    /// The number of bytes gathered.
    public var byteCount: Int { bytes.count }
    public var isFull: Bool { count == Segment.countMax || byteCount >= Self.bytesMax }

    /// The number of bytes at which a block ends, however few lines it has.
    private static let bytesMax = 4 << 20

    /// Begins a line.
    public mutating func beginLine(fields: Int) {
        append(number: fields)
        count += 1
    }

    /// Appends a field to the line.
    public mutating func append(_ field: UnsafeRawBufferPointer?) {
        guard let field else { return bytes.append(0) }
        append(number: field.count + 1)
        bytes.append(contentsOf: field)
    }

    private mutating func append(number: Int) {
        var rest = number
        while rest >= 128 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 128)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    /// Appends a line of another builder.
    ///
    /// - Parameter bytes: The line's place in `byteCount` of the other.
    public mutating func append(lineAt bytes: Range<Int>, of other: ListBlockBuilder) {
        self.bytes += other.bytes[bytes]
        count += 1
    }

    /// Appends a line of a block.
    public mutating func append(line index: Int, of lines: ListLines) {
        bytes += lines.bytes(ofLine: index)
        count += 1
    }

    /// Makes room for lines at once, so that the memory does not grow by copying.
    public mutating func reserve(bytes count: Int) { bytes.reserveCapacity(count) }

    /// Forgets the lines, and keeps their memory for others.
    public mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        count = 0
    }

    /// Makes a block of the lines, and begins with none again.
    public mutating func take(first: Int, lane: Int, _ packer: ListPacker) -> ListBlock {
        defer {
            bytes.removeAll(keepingCapacity: true)
            count = 0
        }
        return ListBlock(
            first: first, count: count, lane: lane,
            bytes: packer.packed(bytes, after: ListBlock.Packing.zstd.rawValue))
    }

    /// Gives back memory that lines took before.
    public mutating func shrink() { if bytes.isEmpty { bytes = [] } }
}

/// Reads fields one after another.
private struct FieldReader {
    let bytes: [UInt8]
    var offset: Int
    let end: Int

    private mutating func number() -> Int? {
        var (number, shift) = (0, 0)
        while offset < end, shift < 35 {
            let byte = bytes[offset]
            offset += 1
            number |= Int(byte & 127) << shift
            if byte < 128 { return number }
            shift += 7
        }
        return nil
    }

    mutating func fieldCount() -> Int? { number() }

    /// - Returns: Whether there was a line.
    mutating func skipLine() -> Bool {
        guard let count = number() else { return false }
        for _ in 0..<count {
            guard let length = number(), length - 1 <= end - offset else { return false }
            offset += max(0, length - 1)
        }
        return true
    }

    /// - Precondition: There is a line.
    mutating func firstField() -> ArraySlice<UInt8>? {
        guard number() ?? 0 > 0, let length = number(), length > 0 else { return nil }
        return bytes[offset..<offset + length - 1]
    }

    /// - Precondition: There is a line.
    mutating func fields() -> [ArraySlice<UInt8>?] {
        (0..<(number() ?? 0)).map { _ in
            guard let length = number(), length > 0 else { return nil }
            defer { offset += length - 1 }
            return bytes[offset..<offset + length - 1]
        }
    }
}
