/// The bodies of an output that have a file each, to be read.
public final class StoredBodies {
    private let output: ReadOnlyFolder
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
    /// The folder that was opened last: most bodies are in the same folder as the body before.
    private var last: (path: String, folder: ReadOnlyFolder)?
    /// The number of bytes read so far.
    private(set) var bytes = 0

    init(in output: ReadOnlyFolder) { self.output = output }

    deinit { buffer.deallocate() }

    /// Returns the path, within the output folder, of the file that the body of a job's record has.
    ///
    /// - Parameter sha256: The 32 bytes of the body's SHA-256, as the record has it: the bodies of
    ///   failures are named by it, too.
    public static func path(of job: JobRecord, sha256: [UInt8]) -> String {
        name(of: job, sha256).path
    }

    /// Opens the file that `path` names. No link on the way to it is followed.
    ///
    /// - Throws: `Damage` when there is no such file.
    public func open(_ job: JobRecord, sha256: [UInt8]) throws(Damage) -> OpenFile {
        let name = Self.name(of: job, sha256)
        return try folder(at: name.folder).file(name.file)
    }

    private static func name(of job: JobRecord, _ sha256: [UInt8]) -> BodyName {
        BodyName(
            batchID: job.batchID, id: job.id, failureSHA256: job.isCompleted ? nil : sha256)
    }

    /// Reads a body from its beginning, and gives it in pieces, which are valid during the call
    /// only.
    public func read(
        _ body: OpenFile, _ use: (UnsafeRawBufferPointer) -> Void
    ) throws(Damage) {
        var offset = 0
        defer { bytes += offset }
        while offset < body.bytes {
            let count = try body.read(at: offset, into: buffer)
            if count == 0 { break }
            use(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            offset += count
        }
    }

    private func folder(at path: String) throws(Damage) -> ReadOnlyFolder {
        if let last, last.path == path { return last.folder }
        var folder = output
        for name in path.split(separator: "/") { folder = try folder.folder(String(name)) }
        last = (path, folder)
        return folder
    }
}
