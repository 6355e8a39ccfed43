internal import CZstd

/// Decodes frames of zstd, one after another, and skips those that are made to be skipped.
final class ZstdDecompressor: Decompressor {
    /// The base-2 logarithm of the largest window: 128 MiB, which `zstd` itself takes without being
    /// asked for more.
    private static let windowLogMax: Int32 = 27

    private let state: OpaquePointer
    private(set) var mayEnd = false
    private var isFirst = true

    init() throws(DecompressionFault) {
        guard let state = ZSTD_createDStream() else { throw .unavailable }
        self.state = state
        let result = ZSTD_DCtx_setParameter(state, ZSTD_d_windowLogMax, Self.windowLogMax)
        if ZSTD_isError(result) != 0 { throw .unavailable }
    }

    deinit { ZSTD_freeDStream(state) }

    func decode(
        _ input: inout UnsafeRawBufferPointer, isLast: Bool,
        into output: UnsafeMutableRawBufferPointer
    ) -> (count: Int, fault: DecompressionFault?) {
        // Called without input, an ended stream would begin a new frame.
        while !(mayEnd && input.isEmpty) {
            var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
            var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
            let isBetween = mayEnd
            let result = ZSTD_decompressStream(state, &target, &source)
            if ZSTD_isError(result) != 0 {
                switch ZSTD_getErrorCode(result) {
                case ZSTD_error_frameParameter_windowTooLarge: return (target.pos, .tooLarge)
                case ZSTD_error_memory_allocation: return (target.pos, .unavailable)
                case ZSTD_error_prefix_unknown where isBetween && !isFirst:
                    return (target.pos, .followed)
                default: return (target.pos, .damaged)
                }
            }
            input = UnsafeRawBufferPointer(rebasing: input.dropFirst(source.pos))
            mayEnd = result == 0
            isFirst = false
            // A frame may end without a byte more, and another follow.
            if target.pos > 0 || input.isEmpty { return (target.pos, nil) }
        }
        return (0, nil)
    }
}
