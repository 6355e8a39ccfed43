/// The kinds of compression, which are told by their first bytes, whatever a file is called.
enum Compression: String {
    case gzip, zstd, bzip2, xz

    /// The beginnings of streams, by the bytes that may stand at each place.
    private static let beginnings: [(Compression, [ClosedRange<UInt8>])] = [
        (.gzip, exactly(0x1F, 0x8B)),
        (.zstd, exactly(0x28, 0xB5, 0x2F, 0xFD)),
        // A frame to be skipped: sixteen numbers are set aside for those.
        (.zstd, [0x50...0x5F] + exactly(0x2A, 0x4D, 0x18)),
        (.xz, exactly(0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00)),
        // BZh, a digit, and a block or the end of an empty stream: text may begin with BZh, too.
        (.bzip2, bzip2Header + exactly(0x31, 0x41, 0x59, 0x26, 0x53, 0x59)),
        (.bzip2, bzip2Header + exactly(0x17, 0x72, 0x45, 0x38, 0x50, 0x90)),
    ]
    private static let bzip2Header = exactly(0x42, 0x5A, 0x68) + [0x31...0x39]

    /// The most bytes of a beginning.
    static let beginningBytesMax = 10

    private static func exactly(_ bytes: UInt8...) -> [ClosedRange<UInt8>] {
        bytes.map { $0...$0 }
    }

    /// - Parameter bytes: The first bytes of a list.
    /// - Returns: `nil` for bytes that are not compressed, or too few.
    init?(firstBytes bytes: UnsafeRawBufferPointer) {
        let found = Self.beginnings.first { _, beginning in
            bytes.count >= beginning.count && zip(beginning, bytes).allSatisfy { $0 ~= $1 }
        }
        guard let found else { return nil }
        self = found.0
    }

    /// Whether more bytes behind these may be the beginning of a stream.
    static func mayBegin(with bytes: UnsafeRawBufferPointer) -> Bool {
        beginnings.contains { _, beginning in
            bytes.count < beginning.count && zip(beginning, bytes).allSatisfy { $0 ~= $1 }
        }
    }

    func makeDecompressor() throws(DecompressionFault) -> any Decompressor {
        switch self {
        case .gzip: try GzipDecompressor()
        case .zstd: try ZstdDecompressor()
        case .bzip2: Bzip2Decompressor()
        case .xz: try XzDecompressor()
        }
    }
}
