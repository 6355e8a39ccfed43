/// The hash of a request, 128 bits: requests that are the same have the same one, and others have
/// another, but for a chance that does not come.
public struct RequestHash: Hashable, Comparable, Sendable {
    /// The first eight bytes as a big-endian number.
    public let high: UInt64
    /// The last eight bytes as a big-endian number.
    public let low: UInt64

    public static let byteCount = 16

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Reads a hash from its bytes.
    ///
    /// - Parameter offset: The offset of the first of 16 bytes.
    init(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
        func number(_ offset: Int) -> UInt64 {
            UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        }
        self.init(high: number(offset), low: number(offset + 8))
    }

    /// The 16 bytes, whose order as text is that of the hashes.
    public var bytes: [UInt8] { Self.bytes(of: CollectionOfOne(self)) }

    static func bytes(of hashes: some Collection<RequestHash>) -> [UInt8] {
        let byteCount = hashes.count * Self.byteCount
        return [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            let bytes = UnsafeMutableRawBufferPointer(buffer)
            var offset = 0
            for hash in hashes {
                bytes.storeBytes(of: hash.high.bigEndian, toByteOffset: offset, as: UInt64.self)
                bytes.storeBytes(of: hash.low.bigEndian, toByteOffset: offset + 8, as: UInt64.self)
                offset += Self.byteCount
            }
            count = offset
        }
    }

    /// Reads hashes from their bytes; bytes behind the last whole hash are left out.
    static func hashes(in bytes: [UInt8]) -> [RequestHash] {
        bytes.withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count - Self.byteCount + 1, by: Self.byteCount).map {
                RequestHash(bytes, at: $0)
            }
        }
    }

    @inlinable
    public static func < (one: RequestHash, other: RequestHash) -> Bool {
        one.high != other.high ? one.high < other.high : one.low < other.low
    }

    /// The secret of a queue that its hashes are made with.
    public struct Key: Hashable, Sendable {
        /// The first eight bytes as a little-endian number.
        public let first: UInt64
        /// The last eight bytes as a little-endian number.
        public let second: UInt64

        public init(first: UInt64, second: UInt64) {
            self.first = first
            self.second = second
        }

        /// - Returns: `nil` when there are not 16 bytes.
        public init?(_ bytes: [UInt8]) {
            guard bytes.count == byteCount else { return nil }
            (first, second) = bytes.withUnsafeBytes { bytes in
                (
                    UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self)),
                    UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
                )
            }
        }
    }
}
