import CZlib
import NIOCore

/// All that `source` gives, as one gzip member.
func gzipped(_ source: some ByteSource) -> ByteBuffer {
    var source = source
    var stream = z_stream()
    // 16 more window bits ask for gzip instead of zlib's own format.
    let begun = deflateInit2_(
        &stream, 1, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
        Int32(MemoryLayout<z_stream>.size))
    precondition(begun == Z_OK, "zlib refused to begin: \(begun)")
    defer { deflateEnd(&stream) }

    var packed = ByteBuffer()
    while let piece = source.next() {
        deflate(piece, into: &packed, &stream, Z_NO_FLUSH)
    }
    deflate(ByteBuffer(), into: &packed, &stream, Z_FINISH)
    return packed
}

private func deflate(
    _ piece: ByteBuffer, into packed: inout ByteBuffer, _ stream: inout z_stream, _ flush: Int32
) {
    var input = Array(piece.readableBytesView)
    input.withUnsafeMutableBufferPointer { input in
        stream.next_in = input.baseAddress
        stream.avail_in = UInt32(input.count)
        repeat {
            packed.writeWithUnsafeMutableBytes(minimumWritableBytes: 16_384) { room in
                stream.next_out = room.bindMemory(to: UInt8.self).baseAddress
                stream.avail_out = UInt32(room.count)
                let result = CZlib.deflate(&stream, flush)
                precondition(result != Z_STREAM_ERROR, "the stream was set up by zlib itself")
                return room.count - Int(stream.avail_out)
            }
            // Room that is left over says that there is no more to come.
        } while stream.avail_out == 0
    }
}
