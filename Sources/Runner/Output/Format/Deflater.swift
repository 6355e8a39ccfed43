internal import CZlib

/// Compresses into gzip members, one after another (RFC 1952).
final class Deflater {
    private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)

    /// The use that a compressor is made for.
    enum Use {
        /// Members of any length.
        case streams
        /// Members of some hundred bytes. The compressor's tables are so small that they stay in
        /// the processor's cache, which is worth half of what such a member costs.
        case records
    }

    init(for use: Use) {
        stream.initialize(to: z_stream())
        // 16: with a gzip header. The macro deflateInit2, spelt out.
        let result = deflateInit2_(
            stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, (use == .streams ? 15 : 12) + 16,
            use == .streams ? 8 : 5, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        precondition(result == Z_OK, "zlib gave no compressor (\(result)): out of memory")
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
    }

    /// Compresses `bytes`, and appends as much of the result as zlib lets out.
    func add(_ bytes: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        var rest = bytes
        while rest.count > Int(UInt32.max >> 1) {
            let piece = UnsafeRawBufferPointer(rebasing: rest[..<Int(UInt32.max >> 1)])
            run(piece, Z_NO_FLUSH, &output)
            rest = UnsafeRawBufferPointer(rebasing: rest[piece.count...])
        }
        run(rest, Z_NO_FLUSH, &output)
    }

    /// Ends the member; the next byte begins a new one.
    func finish(into output: inout [UInt8]) {
        run(UnsafeRawBufferPointer(start: nil, count: 0), Z_FINISH, &output)
        deflateReset(stream)
    }

    /// Compresses `bytes` to a whole member, and appends it.
    func addMember(_ bytes: [UInt8], to output: inout [UInt8]) {
        bytes.withUnsafeBytes { run($0, Z_FINISH, &output) }
        deflateReset(stream)
    }

    private func run(_ bytes: UnsafeRawBufferPointer, _ flush: Int32, _ output: inout [UInt8]) {
        // zlib only reads it; its own field is not const.
        stream.pointee.next_in = UnsafeMutablePointer(
            mutating: bytes.bindMemory(to: UInt8.self).baseAddress)
        stream.pointee.avail_in = UInt32(bytes.count)
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16_384) { piece in
            repeat {
                stream.pointee.next_out = piece.baseAddress
                stream.pointee.avail_out = UInt32(piece.count)
                let result = deflate(stream, flush)
                precondition(result != Z_STREAM_ERROR, "zlib's compressor was overwritten")
                output.append(contentsOf: piece[..<(piece.count - Int(stream.pointee.avail_out))])
            } while stream.pointee.avail_out == 0
        }
    }
}
