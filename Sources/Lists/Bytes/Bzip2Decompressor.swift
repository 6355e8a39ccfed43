internal import CBzip2

/// Decodes streams of bzip2, one after another.
final class Bzip2Decompressor: Decompressor {
    // At one address for life: the library keeps it, and checks it at each call.
    private let stream = UnsafeMutablePointer<bz_stream>.allocate(capacity: 1)
    private var isOpen = false
    private var isFirst = true

    init() { stream.initialize(to: bz_stream()) }

    deinit {
        if isOpen { BZ2_bzDecompressEnd(stream) }
        stream.deallocate()
    }

    var mayEnd: Bool { !isOpen && !isFirst }

    func decode(
        _ input: inout UnsafeRawBufferPointer, isLast: Bool,
        into output: UnsafeMutableRawBufferPointer
    ) -> (count: Int, fault: DecompressionFault?) {
        while isOpen || !input.isEmpty {
            if !isOpen {
                // Without messages of its own, at full speed rather than in less memory.
                guard BZ2_bzDecompressInit(stream, 0, 0) == BZ_OK else {
                    return (0, .unavailable)
                }
                isOpen = true
            }
            // It is only read; the library's own field is not const.
            stream.pointee.next_in = UnsafeMutablePointer(
                mutating: input.bindMemory(to: CChar.self).baseAddress)
            stream.pointee.avail_in = UInt32(input.count)
            stream.pointee.next_out = output.bindMemory(to: CChar.self).baseAddress
            stream.pointee.avail_out = UInt32(output.count)
            let result = BZ2_bzDecompress(stream)
            input = UnsafeRawBufferPointer(rebasing: input.suffix(Int(stream.pointee.avail_in)))
            let count = output.count - Int(stream.pointee.avail_out)
            switch result {
            case BZ_OK: break
            case BZ_STREAM_END:
                BZ2_bzDecompressEnd(stream)
                (isOpen, isFirst) = (false, false)
            case BZ_DATA_ERROR_MAGIC where !isFirst: return (count, .followed)
            case BZ_MEM_ERROR: return (count, .unavailable)
            default: return (count, .damaged)
            }
            if count > 0 || input.isEmpty { return (count, nil) }
        }
        return (0, nil)
    }
}
