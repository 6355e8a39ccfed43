import NIOCore

/// Makes the bytes of an answer piece by piece, so that a body of any length takes little memory.
protocol ByteSource {
    /// - Returns: The next piece, never empty; nil when there is no more.
    mutating func next() -> ByteBuffer?
}

/// Repeats a pattern for a number of bytes, breaking off within the pattern if need be.
struct PatternSource: ByteSource {
    private let block: ByteBuffer
    private let pieceBytes: Int
    private var offset = 0
    private var remainingBytes: Int

    /// - Parameters:
    ///   - pattern: Not empty.
    ///   - pieceBytes: The most a piece holds, 1 or more.
    init(repeating pattern: ByteBuffer, bytes: Int, pieceBytes: Int = 32_768) {
        precondition(pattern.readableBytes > 0, "an empty pattern never fills a body")
        var block = pattern
        while block.readableBytes < min(pieceBytes, bytes) {
            block.writeImmutableBuffer(pattern)
        }
        self.block = block
        self.pieceBytes = pieceBytes
        remainingBytes = bytes
    }

    mutating func next() -> ByteBuffer? {
        let count = min(pieceBytes, block.readableBytes - offset, remainingBytes)
        guard count > 0 else { return nil }
        let piece = block.getSlice(at: block.readerIndex + offset, length: count)
        offset = (offset + count) % block.readableBytes
        remainingBytes -= count
        return piece
    }
}

/// Wraps each piece of another source as a chunk, and ends with the last chunk.
struct ChunkedSource: ByteSource {
    private var base: any ByteSource
    private var hasEnded = false

    init(_ base: any ByteSource) {
        self.base = base
    }

    mutating func next() -> ByteBuffer? {
        guard !hasEnded else { return nil }
        var chunk = ByteBuffer()
        if let piece = base.next() {
            chunk.writeString(String(piece.readableBytes, radix: 16) + "\r\n")
            chunk.writeImmutableBuffer(piece)
            chunk.writeString("\r\n")
        } else {
            hasEnded = true
            chunk.writeString("0\r\n\r\n")
        }
        return chunk
    }
}

/// Gives a buffer as a whole.
struct BufferSource: ByteSource {
    private var bytes: ByteBuffer?

    init(_ bytes: ByteBuffer) {
        self.bytes = bytes.readableBytes > 0 ? bytes : nil
    }

    mutating func next() -> ByteBuffer? {
        defer { bytes = nil }
        return bytes
    }
}
