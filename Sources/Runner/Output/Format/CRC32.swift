internal import CZlib

/// The CRC-32 of bytes that come piece by piece, as of gzip.
struct CRC32 {
    private(set) var value: UInt32

    /// - Parameter value: The CRC-32 of the bytes before those to be added; 0 when there are none.
    init(_ value: UInt32 = 0) { self.value = value }

    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count > 0 else { return }  // zlib begins anew for a null pointer
        let start = bytes.bindMemory(to: UInt8.self).baseAddress
        value = UInt32(crc32_z(UInt(value), start, bytes.count))
    }
}
