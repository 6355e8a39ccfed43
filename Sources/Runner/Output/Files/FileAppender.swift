internal import Glibc
internal import JobStore

/// An output file that is written to, at its end alone. Small pieces are gathered and written many
/// at a time.
final class FileAppender {
    private let folder: OutputFolder
    private let name: String
    private let descriptor: Int32
    /// The number of bytes of the file, without those that are gathered.
    private(set) var bytes: Int
    private var checksum: CRC32
    /// The bytes to be written next.
    private var pending: [UInt8] = []
    private static let pendingBytesMax = 256 << 10

    /// - Parameters:
    ///   - descriptor: The open file, which holds just the bytes that count; closed in the end.
    ///   - file: The record of the file.
    init(owning descriptor: Int32, _ file: OutputFile, in folder: OutputFolder) {
        self.folder = folder
        self.descriptor = descriptor
        name = file.name
        bytes = file.bytes
        checksum = CRC32(file.crc32)
    }

    deinit { close(descriptor) }

    /// The CRC-32 of `bytes` bytes.
    var crc32: UInt32 { checksum.value }

    func append(_ added: UnsafeRawBufferPointer) throws(SinkError) {
        if added.count >= Self.pendingBytesMax {
            try flush()
            return try put(added)
        }
        pending.append(raw: added)
        if pending.count >= Self.pendingBytesMax { try flush() }
    }

    /// Writes all that is gathered.
    func flush() throws(SinkError) {
        guard !pending.isEmpty else { return }
        try pending.withRawBytes { bytes throws(SinkError) in try self.put(bytes) }
        pending.removeAll(keepingCapacity: pending.capacity <= 2 * Self.pendingBytesMax)
    }

    private func put(_ added: UnsafeRawBufferPointer) throws(SinkError) {
        try folder.write(added, to: descriptor, at: bytes)
        checksum.add(added)
        bytes += added.count
    }

    /// Brings what was flushed to the disk, and checks that the file is where its name says.
    func sync() throws(SinkError) {
        // After a failure the kernel may count as clean what it never wrote: no second try.
        guard fdatasync(descriptor) == 0 else {
            throw folder.failure("\(name) cannot be brought to the disk", Errno(errno))
        }
        guard folder.isInPlace(descriptor, name) else {
            throw SinkError(
                .io,
                "\(name) or the output folder \(folder.path) was moved or removed while in use; put it back and run again"
            )
        }
    }
}
