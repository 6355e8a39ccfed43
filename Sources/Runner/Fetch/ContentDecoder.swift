internal import CBrotli
internal import CZlib
internal import CZstd

/// Decodes a body's content codings while the body comes (RFC 9110, 8.4), and knows whether each
/// stream has ended. libcurl does not tell that: half a gzip stream decodes without an error.
final class ContentDecoder {
    enum Coding: Equatable, Sendable {
        case gzip, deflate, brotli, zstd

        /// - Parameter name: One item of a header field's comma-separated value, in upper or lower
        ///   case.
        init?(name: some Collection<UInt8>) {
            if name.isASCII(equal: "gzip") || name.isASCII(equal: "x-gzip") {
                self = .gzip
            } else if name.isASCII(equal: "deflate") {
                self = .deflate
            } else if name.isASCII(equal: "br") {
                self = .brotli
            } else if name.isASCII(equal: "zstd") {
                self = .zstd
            } else {
                return nil
            }
        }
    }

    /// The bytes are no stream of their coding, or follow a stream and cannot begin another one.
    /// Also thrown when a coding is unknown, or there are too many.
    struct Broken: Error {}

    /// The codings that requests ask for: all that the decoder knows except `deflate`, which
    /// servers send in two ways.
    static let accepted = "gzip, br, zstd"
    /// The most codings in a list, the same as in libcurl: a longer list is an attack.
    private static let codingsMax = 5

    /// One stream for each coding; the coding that was applied last comes first.
    private let streams: [any DecodingStream]

    /// - Parameter codings: The codings in the order they were applied; not empty.
    private init(_ codings: [Coding]) {
        streams = codings.reversed().map { coding in
            switch coding {
            case .gzip, .deflate: ZlibStream()
            case .brotli: BrotliStream()
            case .zstd: ZstdStream()
            }
        }
    }

    /// Reads a value of Content-Encoding or Transfer-Encoding. Skips `chunked`, which libcurl
    /// decodes.
    ///
    /// - Parameter count: The number of codings that earlier fields have named.
    /// - Returns: The codings in the order they were applied.
    /// - Throws: `Broken` when a coding is unknown, or there are too many.
    static func codings(
        in values: some Sequence<UInt8>, after count: Int = 0
    ) throws(Broken) -> [Coding] {
        var codings: [Coding] = []
        for name in Array(values).split(separator: UInt8(ascii: ",")) {
            let name = name.trimmed
            if name.isEmpty || name.isASCII(equal: "identity") || name.isASCII(equal: "none")
                || name.isASCII(equal: "chunked")
            {
                continue
            }
            guard let coding = Coding(name: name), count + codings.count < codingsMax else {
                throw Broken()
            }
            codings.append(coding)
        }
        return codings
    }

    /// - Returns: `nil` when `codings` is empty.
    static func make(for codings: [Coding]) -> ContentDecoder? {
        codings.isEmpty ? nil : ContentDecoder(codings)
    }

    /// Whether every stream came to its end.
    var hasEnded: Bool { streams.allSatisfy(\.hasEnded) }

    /// Decodes a piece of the body, and hands on the result in pieces of up to 16 KB.
    ///
    /// - Parameter take: Gets each decoded piece; decoding ends when it returns false.
    /// - Returns: Whether `take` took all pieces.
    func decode(
        _ bytes: UnsafeRawBufferPointer, _ take: (UnsafeRawBufferPointer) -> Bool
    ) throws(Broken) -> Bool {
        try decode(bytes, from: 0, take)
    }

    private func decode(
        _ bytes: UnsafeRawBufferPointer, from index: Int, _ take: (UnsafeRawBufferPointer) -> Bool
    ) throws(Broken) -> Bool {
        guard index < streams.count else { return take(bytes) }
        var rest = bytes
        return try withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 16) {
            buffer throws(Broken) in
            while true {
                let count = try streams[index].decode(&rest, into: buffer)
                if count == 0 { return true }
                let piece = UnsafeRawBufferPointer(rebasing: buffer[..<count])
                if try !decode(piece, from: index + 1, take) { return false }
            }
        }
    }
}

/// The decoding state of one coding.
private protocol DecodingStream: AnyObject {
    var hasEnded: Bool { get }
    /// Decodes bytes from the front of `input`, and removes them from it.
    ///
    /// - Returns: The number of bytes written to `output`; 0 when `input` gives no more.
    func decode(
        _ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(ContentDecoder.Broken) -> Int
}

/// Decodes gzip of any number of members, and deflate with or without zlib's header: servers send
/// both.
///
/// Bytes after the last member are ignored, as browsers do.
private final class ZlibStream: DecodingStream {
    // Not moved: zlib keeps a pointer back to it.
    private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    private var member = Member.open
    private var isRaw = false
    private var isAtStart = true

    private enum Member {
        /// A member is being decoded.
        case open
        /// A member has ended, and nothing has come after it.
        case ended
        /// A member has ended, and the first byte of another one has come.
        case begun
        /// A member has ended, and something else than a member has come.
        case last
    }

    var hasEnded: Bool { member != .open }

    init() {
        stream.initialize(to: z_stream())
        let result = inflate_init_any(stream)
        precondition(result == Z_OK, "zlib gave no stream (\(result)): out of memory")
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    func decode(
        _ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(ContentDecoder.Broken) -> Int {
        if hasEnded, try !beginMember(with: &input) { return 0 }
        let begin = input
        // zlib only reads it; its own field is not const.
        stream.pointee.next_in = UnsafeMutablePointer(
            mutating: input.bindMemory(to: UInt8.self).baseAddress)
        stream.pointee.avail_in = UInt32(input.count)
        stream.pointee.next_out = output.bindMemory(to: UInt8.self).baseAddress
        stream.pointee.avail_out = UInt32(output.count)
        let result = inflate(stream, Z_NO_FLUSH)
        input = UnsafeRawBufferPointer(
            rebasing: input[(input.count - Int(stream.pointee.avail_in))...])
        let count = output.count - Int(stream.pointee.avail_out)
        switch result {
        case Z_OK, Z_BUF_ERROR: break
        case Z_STREAM_END:
            member = .ended
            if count == 0 && !input.isEmpty { return try decode(&input, into: output) }
        case Z_DATA_ERROR where isAtStart && count == 0:
            // No header: what many servers send as `deflate`.
            inflateEnd(stream)
            stream.initialize(to: z_stream())
            guard inflate_init_raw(stream) == Z_OK else { throw ContentDecoder.Broken() }
            (isRaw, isAtStart) = (true, false)
            input = begin
            return try decode(&input, into: output)
        default: throw ContentDecoder.Broken()
        }
        if count > 0 || begin.count >= 2 { isAtStart = false }
        return count
    }

    /// Begins another member if `input` begins one. The first two bytes of a member may come apart.
    ///
    /// - Returns: Whether another member was begun.
    private func beginMember(
        with input: inout UnsafeRawBufferPointer
    ) throws(ContentDecoder.Broken) -> Bool {
        let magic: [UInt8] = [0x1F, 0x8B]
        let expected = magic[(member == .begun ? 1 : 0)...]
        guard !isRaw, member != .last, !input.isEmpty else { return false }
        guard input.prefix(2).starts(with: expected.prefix(input.count)) else {
            member = .last
            return false
        }
        if input.count < expected.count {
            member = .begun
            return false
        }
        inflateReset(stream)
        if member == .begun {
            // The first byte came before, and was not kept.
            var first = magic[0]
            stream.pointee.avail_out = 0
            let result = withUnsafeMutablePointer(to: &first) { first in
                stream.pointee.next_in = first
                stream.pointee.avail_in = 1
                return inflate(stream, Z_NO_FLUSH)
            }
            guard result == Z_OK || result == Z_BUF_ERROR, stream.pointee.avail_in == 0 else {
                throw ContentDecoder.Broken()
            }
        }
        member = .open
        return true
    }
}

private final class BrotliStream: DecodingStream {
    private let state: OpaquePointer
    private(set) var hasEnded = false

    init() {
        guard let state = BrotliDecoderCreateInstance(nil, nil, nil) else {
            fatalError("brotli gave no stream: out of memory")
        }
        self.state = state
    }

    deinit { BrotliDecoderDestroyInstance(state) }

    func decode(
        _ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(ContentDecoder.Broken) -> Int {
        if hasEnded { return 0 }
        var (inputLeft, outputLeft) = (input.count, output.count)
        var next = input.bindMemory(to: UInt8.self).baseAddress
        var place = output.bindMemory(to: UInt8.self).baseAddress
        let result = BrotliDecoderDecompressStream(
            state, &inputLeft, &next, &outputLeft, &place, nil)
        input = UnsafeRawBufferPointer(rebasing: input[(input.count - inputLeft)...])
        if result == BROTLI_DECODER_RESULT_ERROR { throw ContentDecoder.Broken() }
        hasEnded = result == BROTLI_DECODER_RESULT_SUCCESS
        return output.count - outputLeft
    }
}

private final class ZstdStream: DecodingStream {
    private let state: OpaquePointer
    private(set) var hasEnded = false

    init() {
        guard let state = ZSTD_createDStream() else {
            fatalError("zstd gave no stream: out of memory")
        }
        self.state = state
        // > Decoders SHOULD support a window of at least 8 MB; an encoder must not need more.
        // <https://www.rfc-editor.org/rfc/rfc8878#section-3.1.1.1.2>, and RFC 9659 for HTTP.
        ZSTD_DCtx_setParameter(state, ZSTD_d_windowLogMax, 23)
    }

    deinit { ZSTD_freeDStream(state) }

    func decode(
        _ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(ContentDecoder.Broken) -> Int {
        var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
        // Called without input, an ended stream would begin a new frame.
        if hasEnded && input.isEmpty { return 0 }
        let result = ZSTD_decompressStream(state, &target, &source)
        if ZSTD_isError(result) != 0 { throw ContentDecoder.Broken() }
        input = UnsafeRawBufferPointer(rebasing: input[source.pos...])
        hasEnded = result == 0
        // A frame may end without a byte more, and another follow.
        if target.pos == 0 && source.pos > 0 && !input.isEmpty {
            return try decode(&input, into: output)
        }
        return target.pos
    }
}
