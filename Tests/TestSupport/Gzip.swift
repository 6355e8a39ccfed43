/// CRC-32 as of gzip, written down a second time: what is tested uses zlib's.
/// - SeeAlso: <https://www.rfc-editor.org/rfc/rfc1952#section-8>
public func crc32(of bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(~0) { crc, byte in crcTable[Int((crc ^ UInt32(byte)) & 0xFF)] ^ crc >> 8 }
}

private let crcTable: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { crc, _ in crc & 1 == 1 ? 0xEDB8_8320 ^ crc >> 1 : crc >> 1 }
}

/// A gzip member that holds `bytes` as they are.
public func gzipMember(_ bytes: [UInt8]) -> [UInt8] {
    var member: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255]
    var rest = bytes[...]
    repeat {
        let block = rest.prefix(65535)
        rest = rest.dropFirst(block.count)
        let count = UInt16(block.count)
        member.append(rest.isEmpty ? 1 : 0)
        member += littleEndian(count) + littleEndian(~count) + block
    } while !rest.isEmpty
    return member + littleEndian(crc32(of: bytes))
        + littleEndian(UInt32(truncatingIfNeeded: bytes.count))
}

private func littleEndian(_ number: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: number.littleEndian) { Array($0) }
}
