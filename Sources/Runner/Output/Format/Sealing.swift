internal import JobStore

/// The change of a file's bytes when the file is sealed: when it has reached its size, or when the
/// next run writes another format. A sealed file is never written to again.
///
/// A file that is not sealed, as the last one of a run, must be readable, too.
public enum Sealing: Sendable {
    /// The bytes stay as they are.
    case nothing
    /// Bytes are appended. After a kill that came too early to have them recorded, they are cut off,
    /// and the file is sealed again.
    case footer
    /// Other bytes take the place of those of the file. They hold the same records in the same
    /// order. They are written to a draft beside the file, which takes the file's place once the
    /// queue has recorded that.
    case rewrite
}

/// A file that is about to be sealed.
public struct FileToSeal: ~Copyable {
    /// The name of the file in its folder.
    public let name: String
    /// The number of bytes of the file, all of them on the disk.
    public let bytes: Int
    /// The number of records in these bytes.
    public let records: Int
    private let file: OpenFile

    init(_ file: OutputFile, _ opened: OpenFile) {
        name = file.name
        bytes = file.bytes
        records = file.records
        self.file = opened
    }

    /// Reads bytes of the file from `offset` on.
    ///
    /// - Returns: The number of bytes read: 0 at the end of the file only, if the buffer has room.
    /// - Throws: `SinkError` when the disk fails.
    public func read(
        at offset: Int, into buffer: UnsafeMutableRawBufferPointer
    ) throws(SinkError) -> Int {
        let wanted = UnsafeMutableRawBufferPointer(
            rebasing: buffer.prefix(max(0, bytes - offset)))
        guard wanted.count > 0 else { return 0 }
        do throws(Damage) {
            let count = try file.read(at: offset, into: wanted)
            guard count > 0 else { throw Damage("was cut to \(offset) bytes while it was read") }
            return count
        } catch {
            throw SinkError(
                .io,
                "\(name) cannot be sealed: it \(error.description); check the disk and run again: nothing marked is lost"
            )
        }
    }
}

extension OutputFile {
    /// The end of the names of drafts.
    static let draftEnding = ".sealing"

    /// The name of the draft that takes the file's place when the file is sealed. A draft beside a
    /// file that is recorded as sealed is whole, and what was recorded; one beside another file was
    /// never recorded, and is removed.
    var draftName: String { name + Self.draftEnding }
}
