import NIOCore

/// A gzip stream of zeros, about 1/159 of what it unpacks to, made without holding it.
///
/// It is one deflate block with the fixed Huffman codes: a literal zero, then matches of length 258
/// at distance 1. Eight matches are 8 · 13 bits, a whole number of bytes, so the stream repeats
/// itself every 13 bytes and its length is known beforehand.
///
///     unpacked     packed
///     0            20
///     1            21
///     1,048,576    6,655 or so
///     1 GiB        6.8 MB or so
///
/// - SeeAlso: <https://www.rfc-editor.org/rfc/rfc1951#section-3.2.6>,
///   <https://www.rfc-editor.org/rfc/rfc1952#section-2.3>
struct GzipBomb: ByteSource {
    /// What the whole stream takes, for its Content-Length.
    let packedBytes: Int

    private var start: ByteBuffer?
    private var middle: PatternSource?
    private var end: ByteBuffer?

    /// - Parameter bytes: The zeros to unpack to.
    init(bytes: Int) {
        let repeatedBytes = max(0, bytes - 1)
        let matches = repeatedBytes / 258
        let periods = matches / 8

        // No name, time or flags; 255 is an unknown operating system.
        var writer = BitWriter(buffer: ByteBuffer(bytes: [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255]))
        writer.write(0b011, bits: 3)  // the last block, fixed codes
        if bytes > 0 { writer.writeZero() }
        start = writer.takeBuffer()

        var period = ByteBuffer()
        if periods > 0 {
            // The bits that a literal zero and a match leave for the next byte are the same three
            // zeros, so the first period is like all others.
            for _ in 0..<8 { writer.writeMatch() }
            period = writer.takeBuffer()
            middle = PatternSource(repeating: period, bytes: periods * period.readableBytes)
        }

        for _ in 0..<(matches % 8) { writer.writeMatch() }
        for _ in 0..<(repeatedBytes % 258) { writer.writeZero() }
        writer.write(0, bits: 7)  // end of block
        var trailer = writer.finish()
        trailer.writeInteger(crc32(ofZeros: bytes), endianness: .little)
        trailer.writeInteger(UInt32(truncatingIfNeeded: bytes), endianness: .little)
        end = trailer

        packedBytes =
            (start?.readableBytes ?? 0) + periods * period.readableBytes + trailer.readableBytes
    }

    mutating func next() -> ByteBuffer? {
        if let piece = start {
            start = nil
            return piece
        }
        if let piece = middle?.next() {
            return piece
        }
        let piece = end
        end = nil
        return piece
    }
}

/// Packs bits into bytes from the lowest bit up, as deflate wants it.
private struct BitWriter {
    var buffer: ByteBuffer
    private var pending: UInt32 = 0
    private var pendingBits = 0

    init(buffer: ByteBuffer) {
        self.buffer = buffer
    }

    mutating func write(_ value: UInt32, bits: Int) {
        pending |= value << pendingBits
        pendingBits += bits
        while pendingBits >= 8 {
            buffer.writeInteger(UInt8(truncatingIfNeeded: pending))
            pending >>= 8
            pendingBits -= 8
        }
    }

    /// A literal zero: its code is 00110000, written from its highest bit.
    mutating func writeZero() {
        write(0b0000_1100, bits: 8)
    }

    /// The 258 bytes before repeated: length code 11000101, distance code 00000.
    mutating func writeMatch() {
        write(0b1010_0011, bits: 8)
        write(0, bits: 5)
    }

    /// The bytes that are complete; bits of the next one stay.
    mutating func takeBuffer() -> ByteBuffer {
        defer { buffer = ByteBuffer() }
        return buffer
    }

    /// All bytes, the last filled up with zeros.
    mutating func finish() -> ByteBuffer {
        write(0, bits: (8 - pendingBits) % 8)
        return takeBuffer()
    }
}

/// The checksum of `count` zero bytes, in O(log `count`) steps.
///
/// A CRC is a remainder of polynomials, and a zero byte only multiplies it by *x*⁸: the register's
/// start value is multiplied by *x*^(8 · `count`), by repeated squaring.
private func crc32(ofZeros count: Int) -> UInt32 {
    var factor: UInt32 = 1 << 31  // 1, as the highest bit holds the lowest power
    var square: UInt32 = 1 << 23  // x⁸
    var exponent = count
    while exponent > 0 {
        if exponent & 1 == 1 { factor = product(factor, square) }
        square = product(square, square)
        exponent >>= 1
    }
    return ~product(factor, 0xFFFF_FFFF)
}

/// The product of two polynomials modulo that of CRC-32, bits reflected.
private func product(_ left: UInt32, _ right: UInt32) -> UInt32 {
    var shifted = right
    var sum: UInt32 = 0
    for bit in stride(from: 31, through: 0, by: -1) {
        if left >> bit & 1 == 1 { sum ^= shifted }
        shifted = shifted & 1 == 1 ? shifted >> 1 ^ 0xEDB8_8320 : shifted >> 1
    }
    return sum
}
