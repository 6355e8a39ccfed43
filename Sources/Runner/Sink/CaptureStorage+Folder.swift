internal import Glibc
internal import JobStore

extension CaptureStorage {
    /// Makes the storage of a run.
    ///
    /// - Parameters:
    ///   - path: The path of the folder for the temporary file, which has no name in it and is
    ///     made when it is needed.
    ///   - memoryBytesMax: The most bytes of heads, bodies and records in memory. It is less where
    ///     the process may not have as many.
    ///   - workers: The workers of the run, whose own buffers are part of that memory.
    /// - Throws: `SinkError` when the folder cannot be opened.
    public convenience init(
        folder path: String, memoryBytesMax: Int = CaptureStorage.defaultMemoryBytes, workers: Int
    ) throws(SinkError) {
        let folder = OpenFolder(path)
        guard folder.descriptor >= 0 else {
            throw SinkError(folder: path, "it cannot be opened", Errno(errno))
        }
        self.init(
            budget: .make(bytesMax: memoryBytesMax, workers: workers),
            spool: Spool { folder.descriptor }, folder: path)
    }
}

/// A folder that stays open as long as someone has this object.
private final class OpenFolder: Sendable {
    let descriptor: Int32

    init(_ path: String) { descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }

    deinit { if descriptor >= 0 { close(descriptor) } }
}

extension CaptureStorage {
    /// The storage of a run that keeps no responses, but looks at them. Its temporary file, which
    /// has no name, is in the system's folder for such files, and is made when it is needed.
    static func temporary(_ budget: MemoryBudget) -> CaptureStorage {
        let folder = OpenFolder(temporaryFolder)
        return CaptureStorage(
            budget: budget, spool: Spool { folder.descriptor }, folder: temporaryFolder)
    }
}

/// The system's folder for temporary files.
var temporaryFolder: String { getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp" }
