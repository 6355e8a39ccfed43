internal import CZlib

/// Inflates gzip members, and zeros behind the last one, with which tapes and tools pad.
final class GzipDecompressor: Decompressor {
    // At one address for life: zlib keeps it, and checks it at each call.
    private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    private var place = Place.first

    private enum Place {
        /// In the first member, or before it.
        case first
        /// Behind a member.
        case between
        /// Behind a member, and zeros.
        case padding
        /// At the first bytes of a member that is not the first: its header is not checked yet.
        case header
        /// In a member that is not the first.
        case member
    }

    init() throws(DecompressionFault) {
        stream.initialize(to: z_stream())
        guard inflate_init_gzip(stream) == Z_OK else { throw .unavailable }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    var mayEnd: Bool { place == .between || place == .padding }

    func decode(
        _ input: inout UnsafeRawBufferPointer, isLast: Bool,
        into output: UnsafeMutableRawBufferPointer
    ) -> (count: Int, fault: DecompressionFault?) {
        while true {
            if mayEnd {
                skipZeros(of: &input)
                if input.isEmpty { return (0, nil) }
                guard beginMember() else { return (0, .followed) }
            }
            // zlib only reads it; its own field is not const.
            stream.pointee.next_in = UnsafeMutablePointer(
                mutating: input.bindMemory(to: UInt8.self).baseAddress)
            stream.pointee.avail_in = UInt32(input.count)
            stream.pointee.next_out = output.bindMemory(to: UInt8.self).baseAddress
            stream.pointee.avail_out = UInt32(output.count)
            let result = inflate(stream, Z_NO_FLUSH)
            input = UnsafeRawBufferPointer(rebasing: input.suffix(Int(stream.pointee.avail_in)))
            let count = output.count - Int(stream.pointee.avail_out)
            // A header takes ten bytes or more, and gives none.
            if place == .header, stream.pointee.total_out > 0 { place = .member }
            switch result {
            case Z_OK, Z_BUF_ERROR: break
            case Z_STREAM_END: place = .between
            case Z_MEM_ERROR: return (count, .unavailable)
            default: return (count, place == .header ? .followed : .damaged)
            }
            if count > 0 || place != .between || input.isEmpty { return (count, nil) }
        }
    }

    private func skipZeros(of input: inout UnsafeRawBufferPointer) {
        let zeros = input.prefix { $0 == 0 }.count
        if zeros > 0 { place = .padding }
        input = UnsafeRawBufferPointer(rebasing: input.dropFirst(zeros))
    }

    /// Begins another member behind one that has ended.
    ///
    /// - Returns: Whether one may begin there: nothing follows zeros.
    private func beginMember() -> Bool {
        guard place == .between, inflateReset(stream) == Z_OK else { return false }
        place = .header
        return true
    }
}
