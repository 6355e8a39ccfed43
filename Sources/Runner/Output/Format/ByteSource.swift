/// A source of bytes that come one after another.
public protocol ByteSource: AnyObject {
    /// The offset in the file of the byte to be read next. Where bytes are decompressed, it may lie
    /// ahead of what was given out.
    var offset: Int { get }

    /// Reads the next bytes.
    ///
    /// - Returns: The number of bytes put into the buffer: 0 at the end only, if the buffer has
    ///   room.
    /// - Throws: `Damage` when the bytes cannot be read.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(Damage) -> Int
}

/// The bytes of a file that count, with their checksum.
final class CountedBytes: ByteSource {
    private let file: OpenFile
    private(set) var offset: Int
    private let end: Int
    /// The CRC-32 of all bytes up to `offset`.
    var crc32: UInt32 { checksum.value }
    private var checksum: CRC32

    /// - Parameter crc32: The CRC-32 of the bytes before `range`.
    init(_ file: OpenFile, _ range: Range<Int>, crc32: UInt32) {
        self.file = file
        offset = range.lowerBound
        end = range.upperBound
        checksum = CRC32(crc32)
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(Damage) -> Int {
        let wanted = UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(end - offset))
        guard wanted.count > 0 else { return 0 }
        let count = try file.read(at: offset, into: wanted)
        guard count > 0 else { throw Damage("was cut to \(offset) bytes while it was read") }
        offset += count
        checksum.add(UnsafeRawBufferPointer(rebasing: wanted[..<count]))
        return count
    }

    /// Reads the remaining bytes, for the checksum.
    func readRest() throws(Damage) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
        defer { buffer.deallocate() }
        while try read(into: buffer) > 0 {}
    }
}
