import NIOCore
import TestSupport

/// A body that no other ID has, of a size, kind and delivery that its ID decides.
///
/// Whoever knows the ID can make it again and compare: `Tests/Tools/mixed_body.py` does, and is to
/// be changed together with this. All numbers come from SplitMix64 with the ID as its seed: the
/// first is the size, the second kind and delivery, and each further one eight bytes of a block of
/// 4,080. The body is this block, over and over, each time followed by the ID and the number of the
/// repetition in hex, and is cut where its size says.
struct MixedBody {
    enum Kind: Int, CaseIterable {
        /// Printable ASCII, with the quotes and backslashes that JSON escapes.
        case text
        /// Valid UTF-8 of characters of one to four bytes, NUL, control and separator characters.
        case unicode
        /// The same with a few sequences that only look like UTF-8.
        case broken
        /// NUL and the other control characters below a space.
        case control
        /// Any byte.
        case bytes
    }

    enum Delivery: Int, CaseIterable {
        case length, lengthToo, chunked, chunkedToo, gzip, gzipChunked
        /// Neither length nor chunks: it ends where the connection does.
        case untilClose
        case gzipUntilClose
    }

    static let blockBytes = 4080

    let id: Int
    let byteCount: Int
    let kind: Kind
    let delivery: Delivery
    private let block: ByteBuffer

    init(id: Int) {
        var random = SeededGenerator(seed: UInt64(id))
        let size = Self.size(from: random.next())
        let choice = random.next()
        self.id = id
        kind = Kind.allCases[Int(choice % 5)]
        delivery = Delivery.allCases[Int(choice >> 8 % 8)]
        // A unit of eight bytes holds whole characters.
        byteCount = kind == .unicode ? size - size % 8 : size

        var block = ByteBuffer()
        while block.readableBytes < min(Self.blockBytes, byteCount) {
            kind.writeUnit(random.next(), to: &block)
        }
        self.block = block
    }

    /// None for one body of 64, then about half up to 512 bytes, nearly all others up to 16 KB, a
    /// few up to 128 KB, and one of 256 up to 2 MB.
    private static func size(from number: UInt64) -> Int {
        let value = Int(number >> 8)
        return switch number % 256 {
        case 0..<4: 0
        case 4..<140: 1 + value % 512
        case 140..<247: value % 16_384
        case 247..<255: value % 131_072
        default: value % 2_097_153
        }
    }

    var source: MixedSource { MixedSource(block, id: id, bytes: byteCount) }

    var contentType: String {
        switch kind {
        case .text, .control: "text/plain"
        case .unicode, .broken: "text/plain; charset=utf-8"
        case .bytes: "application/octet-stream"
        }
    }
}

/// Makes the bytes of a `MixedBody` piece by piece.
struct MixedSource: ByteSource {
    private static let blocksInPiece = 8

    private let block: ByteBuffer
    private let id: Int
    private var number = 0
    private var remainingBytes: Int

    fileprivate init(_ block: ByteBuffer, id: Int, bytes: Int) {
        self.block = block
        self.id = id
        remainingBytes = bytes
    }

    mutating func next() -> ByteBuffer? {
        var piece = ByteBuffer()
        for _ in 0..<Self.blocksInPiece where remainingBytes > 0 {
            append(block, to: &piece)
            append(ByteBuffer(string: hex(id) + hex(number)), to: &piece)
            number += 1
        }
        return piece.readableBytes > 0 ? piece : nil
    }

    private mutating func append(_ bytes: ByteBuffer, to piece: inout ByteBuffer) {
        let count = min(bytes.readableBytes, remainingBytes)
        guard let slice = bytes.getSlice(at: bytes.readerIndex, length: count) else {
            preconditionFailure("a buffer holds what it says")
        }
        piece.writeImmutableBuffer(slice)
        remainingBytes -= count
    }

    /// Eight digits, of the lowest 32 bits.
    private func hex(_ number: Int) -> String {
        let digits = String(UInt32(truncatingIfNeeded: number), radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }
}

extension MixedBody.Kind {
    fileprivate func writeUnit(_ random: UInt64, to block: inout ByteBuffer) {
        switch self {
        case .text:
            // Each byte from 0x20 to 0x5F, and none carries into the next.
            block.writeInteger(
                random & 0x3F3F_3F3F_3F3F_3F3F + 0x2020_2020_2020_2020, endianness: .little)
        case .control:
            block.writeInteger(random & 0x1F1F_1F1F_1F1F_1F1F, endianness: .little)
        case .bytes:
            block.writeInteger(random, endianness: .little)
        case .unicode:
            block.writeBytes(wellFormed[Int(random % 16)])
        case .broken:
            let units = random >> 8 % 64 == 0 ? illFormed : wellFormed
            block.writeBytes(units[Int(random % 16)])
        }
    }
}

/// Whole characters in eight bytes.
private let wellFormed: [[UInt8]] = [
    "\u{20AC}\u{20AC}ab", "\u{1F600}\u{E9}\u{DF}", "\u{6F22}\u{5B57}\r\n", "\u{2028}\u{2029}\"\\",
    "\u{FEFF}\u{FFFD}\t\u{8}", "\u{10FFFF}\u{10000}", "\u{D7FF}\u{E000}</", "\u{FFFF}\u{FFFE}{}",
    "\0\u{1}\u{1F}\u{7F}\u{80}\u{9F}", "e\u{301}\u{1F1E9}a", "\u{7FF}\u{800}\u{C}\u{B}z",
    "\u{6D4}\u{627}\u{5D0}\u{436}", "\u{200B}\u{202E}[]", "plain, \n", "\"\\\"\\/\u{E4}b",
    "\u{1D11E}\u{E000}'",
].map { Array($0.utf8) }

/// What no decoder may take for characters, filled up with well-formed ones to eight bytes.
private let illFormed: [[UInt8]] = [
    [0x80], [0xBF, 0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x80, 0x80], [0xE0, 0x9F, 0xBF],
    [0xED, 0xA0, 0x80], [0xED, 0xA0, 0xBD, 0xED, 0xB8, 0x80], [0xF0, 0x80, 0x80, 0x80],
    [0xF0, 0x8F, 0xBF, 0xBF], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF, 0xFE],
    [0xC3], [0xE2, 0x82], [0xF0, 0x9F, 0x98],
].map { $0 + Array(repeating: UInt8(ascii: "~"), count: 8 - $0.count) }
