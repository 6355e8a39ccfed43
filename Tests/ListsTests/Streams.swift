internal import CBzip2
internal import CLzma
internal import CZlib
internal import CZstd

/// Streams of each compression, made in memory.
enum Streams {
    static func gzip(_ bytes: [UInt8], level: Int32 = 6) -> [UInt8] {
        var stream = z_stream()
        let begun = deflateInit2_(
            &stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        precondition(begun == Z_OK)
        defer { deflateEnd(&stream) }
        var input = bytes
        var output = [UInt8](repeating: 0, count: Int(deflateBound(&stream, UInt(bytes.count))))
        let count = input.withUnsafeMutableBufferPointer { input in
            output.withUnsafeMutableBufferPointer { output in
                stream.next_in = input.baseAddress
                stream.avail_in = UInt32(input.count)
                stream.next_out = output.baseAddress
                stream.avail_out = UInt32(output.count)
                precondition(deflate(&stream, Z_FINISH) == Z_STREAM_END)
                return output.count - Int(stream.avail_out)
            }
        }
        return Array(output[..<count])
    }

    /// - Parameter windowLog: The window's size as a power of two; `nil` for the usual one.
    static func zstd(_ bytes: [UInt8], windowLog: Int32? = nil) -> [UInt8] {
        let context = ZSTD_createCCtx()
        defer { ZSTD_freeCCtx(context) }
        ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
        if let windowLog {
            ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, windowLog)
            // With the size in the header, the window would be no larger than that.
            ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0)
        }
        var output = [UInt8](repeating: 0, count: ZSTD_compressBound(bytes.count))
        var count = 0
        bytes.withUnsafeBytes { input in
            output.withUnsafeMutableBytes { output in
                var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
                var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
                // In two steps, so that the size is not known at first.
                let flushed = ZSTD_compressStream2(context, &target, &source, ZSTD_e_flush)
                let left = ZSTD_compressStream2(context, &target, &source, ZSTD_e_end)
                precondition(flushed == 0 && left == 0)
                count = target.pos
            }
        }
        return Array(output[..<count])
    }

    /// A frame of zstd that every decoder skips.
    static func zstdSkipped(_ bytes: [UInt8]) -> [UInt8] {
        [0x5A, 0x2A, 0x4D, 0x18] + withUnsafeBytes(of: UInt32(bytes.count).littleEndian, Array.init)
            + bytes
    }

    static func bzip2(_ bytes: [UInt8]) -> [UInt8] {
        var input = bytes.map { CChar(bitPattern: $0) }
        var output = [CChar](repeating: 0, count: bytes.count + bytes.count / 100 + 700)
        var count = UInt32(output.count)
        let result = BZ2_bzBuffToBuffCompress(
            &output, &count, &input, UInt32(input.count), 1, 0, 0)
        precondition(result == BZ_OK)
        return output[..<Int(count)].map { UInt8(bitPattern: $0) }
    }

    /// - Parameter dictionaryBytes: The size of the dictionary, which decoding needs too.
    static func xz(_ bytes: [UInt8], dictionaryBytes: UInt32 = 1 << 20) -> [UInt8] {
        var options = lzma_options_lzma()
        precondition(lzma_lzma_preset(&options, 1) == 0)
        options.dict_size = dictionaryBytes
        var output = [UInt8](repeating: 0, count: lzma_stream_buffer_bound(bytes.count))
        var count = 0
        withUnsafeMutablePointer(to: &options) { options in
            var filters = [
                // LZMA2, which is a macro Swift cannot import.
                lzma_filter(id: 0x21, options: options),
                lzma_filter(id: lzma_vli.max, options: nil),
            ]
            let result = lzma_stream_buffer_encode(
                &filters, LZMA_CHECK_CRC32, nil, bytes, bytes.count, &output, &count,
                output.count)
            precondition(result == LZMA_OK)
        }
        return Array(output[..<count])
    }
}
