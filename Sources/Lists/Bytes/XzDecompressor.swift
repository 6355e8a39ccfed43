internal import CLzma

/// Decodes streams of xz, one after another.
final class XzDecompressor: Decompressor {
    /// The most memory a stream may ask for. What `xz -9` makes needs 65 MiB.
    private static let memoryBytesMax: UInt64 = 128 << 20

    // The library wants all of it zero at first, as LZMA_STREAM_INIT has it.
    private let stream = UnsafeMutablePointer<lzma_stream>.allocate(capacity: 1)
    private(set) var mayEnd = false

    init() throws(DecompressionFault) {
        stream.initialize(to: lzma_stream())
        let result = lzma_stream_decoder(
            stream, Self.memoryBytesMax, UInt32(lzma_concatenated))
        guard result == LZMA_OK else { throw .unavailable }
    }

    deinit {
        lzma_end(stream)
        stream.deallocate()
    }

    func decode(
        _ input: inout UnsafeRawBufferPointer, isLast: Bool,
        into output: UnsafeMutableRawBufferPointer
    ) -> (count: Int, fault: DecompressionFault?) {
        if mayEnd { return (0, nil) }
        stream.pointee.next_in = input.bindMemory(to: UInt8.self).baseAddress
        stream.pointee.avail_in = input.count
        stream.pointee.next_out = output.bindMemory(to: UInt8.self).baseAddress
        stream.pointee.avail_out = output.count
        let result = lzma_code(stream, isLast ? LZMA_FINISH : LZMA_RUN)
        input = UnsafeRawBufferPointer(rebasing: input.suffix(stream.pointee.avail_in))
        let count = output.count - stream.pointee.avail_out
        switch result {
        case LZMA_OK: break
        // No progress: more input is needed. Where there is none, the stream ends too early.
        case LZMA_BUF_ERROR: break
        case LZMA_STREAM_END: mayEnd = true
        case LZMA_MEMLIMIT_ERROR: return (count, .tooLarge)
        case LZMA_MEM_ERROR: return (count, .unavailable)
        // Told of a stream that is not the first only.
        case LZMA_FORMAT_ERROR: return (count, .followed)
        default: return (count, .damaged)
        }
        return (count, nil)
    }
}
