internal import Glibc
internal import JobStore

/// The folder of the output files, by its descriptor: files are written there whatever happens to
/// its name. A link in the folder is never followed.
final class OutputFolder: Sendable {
    /// The absolute path of the folder, links resolved.
    let path: String
    let descriptor: Int32

    /// Opens the folder at `path`.
    ///
    /// - Parameter makes: Whether a missing folder is made, with the folders above it.
    init(path: String, makes: Bool) throws(SinkError) {
        if makes { try Self.make(path) }
        let descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0, let real = realpath(path, nil) else {
            let error = Errno(errno)
            throw switch error.number {
            case ENOTDIR:
                SinkError(.io, "\(path) is not a folder", remedy: .nameAnotherFolder)
            default: SinkError(folder: path, "it cannot be opened", error)
            }
        }
        self.path = String(cString: real)
        free(real)
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    private static func make(_ path: String) throws(SinkError) {
        var result = mkdir(path, 0o777)
        if result != 0, errno == ENOENT, let parent = parent(of: path) {
            try make(parent)
            result = mkdir(path, 0o777)
        }
        guard result == 0 else {
            if errno == EEXIST { return }
            throw SinkError(folder: path, "it cannot be made", Errno(errno))
        }
        // Its name is durable once the folder it is in is synced.
        let parent = Glibc.open(path + "/..", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { if parent >= 0 { close(parent) } }
        guard parent >= 0, fsync(parent) == 0 else {
            throw SinkError(folder: path, "it cannot be made", Errno(errno))
        }
    }

    /// - Returns: The path of the folder above; `nil` when `path` is a name alone.
    private static func parent(of path: String) -> String? {
        let path = path.prefix(
            upTo: path.lastIndex { $0 != "/" }.map(path.index(after:)) ?? path.startIndex)
        return path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) }
    }

    // MARK: - Whose it is

    /// The name of the file that says which queue the folder belongs to.
    private static let identityName = ".runner"
    private static let identityDraft = ".runner-new"

    /// The identity that the folder holds, which says which queue it belongs to; `nil` when it
    /// holds none.
    func identity() throws(SinkError) -> String? { try identity(in: Self.identityName) }

    /// The identity that a run was about to give the folder when it was killed; `nil` when there is
    /// none.
    func draftedIdentity() throws(SinkError) -> String? { try identity(in: Self.identityDraft) }

    private func identity(in name: String) throws(SinkError) -> String? {
        let file = openat(descriptor, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard file >= 0 else {
            if errno == ENOENT { return nil }
            throw failure("\(name) cannot be read", Errno(errno))
        }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = read(file, &bytes, bytes.count)
        guard count >= 0 else {
            throw failure("\(name) cannot be read", Errno(errno))
        }
        let line = bytes[..<count].prefix { $0 != UInt8(ascii: "\n") }
        return line.isEmpty ? nil : String(decoding: line, as: UTF8.self)
    }

    /// Keeps every other run out of the folder until this run's end.
    func lock() throws(SinkError) {
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw errno == EWOULDBLOCK
                ? SinkError(
                    .io,
                    "another run writes to the output folder \(path)",
                    remedy: .waitOrNameAnotherFolder) : failure("it cannot be locked", Errno(errno))
        }
    }

    /// Lets other runs in again, though somebody may still refer to this object.
    func unlock() { _ = flock(descriptor, LOCK_UN) }

    /// Writes down the identity that the folder is to have, before the queue hears of it. The folder
    /// must be locked.
    func prepareClaim(as identity: String) throws(SinkError) {
        try remove(Self.identityDraft)  // of one who was killed
        let file = try create(Self.identityDraft)
        defer { close(file) }
        let text = Array((identity + "\n").utf8)
        guard Glibc.write(file, text, text.count) == text.count, fsync(file) == 0 else {
            let error = Errno(errno)
            unlinkat(descriptor, Self.identityDraft, 0)
            throw failure("\(Self.identityName) cannot be written", error)
        }
    }

    /// Gives the folder the identity that was prepared, which the queue knows now: no moment shows
    /// half of it.
    func claim() throws(SinkError) {
        guard renameat(descriptor, Self.identityDraft, descriptor, Self.identityName) == 0,
            fsync(descriptor) == 0
        else { throw failure("\(Self.identityName) cannot be written", Errno(errno)) }
    }

    func othersFolder() -> SinkError {
        SinkError(
            .io,
            "the output folder \(path) is another queue's, or of an earlier or a later stage of this one (one of the two is a copy), and nothing is overwritten; put the right one back, or have this one taken as docs/OUTPUT.md says of copies"
        )
    }

    /// The status of the file at `name`, of a link itself if it is one; `nil` when there is none.
    func status(of name: String) throws(SinkError) -> stat? {
        var status = stat()
        guard fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) != 0 else { return status }
        guard errno == ENOENT else { throw failure("\(name) cannot be looked at", Errno(errno)) }
        return nil
    }

    /// The names in a folder that belong to an output, or could.
    struct Names {
        /// The names that an output's files could have, in any of the formats, sorted.
        var claimed: [String] = []
        /// The names of drafts.
        var drafts: Set<String> = []
    }

    func names(_ formats: OutputFormats) throws(SinkError) -> Names {
        let copy = openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard copy >= 0, let stream = fdopendir(copy) else {
            throw failure("its files cannot be listed", Errno(errno))
        }
        defer { closedir(stream) }
        var names = Names()
        errno = 0
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name == BodyName.top || formats.number(ofFile: name) != nil {
                names.claimed.append(name)
            } else if name.hasSuffix(OutputFile.draftEnding) {
                names.drafts.insert(name)
            }
            errno = 0
        }
        guard errno == 0 else { throw failure("its files cannot be listed", Errno(errno)) }
        names.claimed.sort()
        return names
    }

    /// Makes a new file; a file that exists is never opened.
    func create(_ name: String) throws(SinkError) -> Int32 {
        let file = openat(
            descriptor, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o666)
        guard file >= 0 else {
            throw errno == EEXIST
                ? unknown(name) : failure("\(name) cannot be made", Errno(errno))
        }
        // A new name is durable once its folder is synced.
        guard fsync(descriptor) == 0 else {
            let error = Errno(errno)
            close(file)
            throw failure("\(name) cannot be made", error)
        }
        return file
    }

    /// Opens one of the queue's files and cuts off the bytes that were never marked.
    func open(_ file: OutputFile) throws(SinkError) -> Int32 {
        let opened = openat(descriptor, file.name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC)
        guard opened >= 0 else {
            throw failure("\(file.name) cannot be opened", Errno(errno))
        }
        guard ftruncate(opened, off_t(file.bytes)) == 0 else {
            let error = Errno(errno)
            close(opened)
            throw failure("\(file.name) cannot be cut to what counts of it", error)
        }
        return opened
    }

    /// Opens one of the queue's files for reading.
    func openToRead(_ file: OutputFile) throws(SinkError) -> OpenFile {
        let opened = openat(descriptor, file.name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard opened >= 0 else {
            throw failure("\(file.name) cannot be opened", Errno(errno))
        }
        do throws(Damage) {
            return try OpenFile(owning: opened)
        } catch {
            throw SinkError(.io, "\(file.name) in the output folder \(path) \(error.description)")
        }
    }

    /// Puts a file's draft, which is on the disk, in the place of the file.
    func putDraft(inPlaceOf file: OutputFile) throws(SinkError) {
        guard renameat(descriptor, file.draftName, descriptor, file.name) == 0,
            fsync(descriptor) == 0
        else {
            throw failure(
                "\(file.draftName) cannot be renamed to \(file.name)", Errno(errno))
        }
    }

    /// Writes bytes to an open file.
    func write(
        _ bytes: UnsafeRawBufferPointer, to file: Int32, at offset: Int
    ) throws(SinkError) {
        var done = 0
        while done < bytes.count {
            let count = pwrite(
                file, bytes.baseAddress! + done, bytes.count - done, off_t(offset + done))
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                throw failure("writing failed", Errno(count < 0 ? errno : ENOSPC))
            }
            done += count
        }
    }

    /// Removes one of the queue's files that holds nothing that counts.
    func remove(_ name: String) throws(SinkError) {
        guard unlinkat(descriptor, name, 0) == 0 || errno == ENOENT else {
            throw failure("\(name) cannot be removed", Errno(errno))
        }
    }

    /// Checks whether one of the queue's files is as the queue knows it, as far as its length
    /// tells.
    ///
    /// - Parameter isDrafted: Whether the file's draft is yet to take its place: then that is
    ///   checked.
    /// - Returns: Whether the file exists at all.
    /// - Throws: `SinkError` when the file is not regular, is too short, or is sealed and too long.
    func check(_ file: OutputFile, isDrafted: Bool) throws(SinkError) -> Bool {
        let name = isDrafted ? file.draftName : file.name
        guard let status = try status(of: name) else { return false }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw SinkError(
                .io,
                "\(name) in the output folder \(path) is not a regular file; something took its place: put the file back"
            )
        }
        let bytes = Int(status.st_size)
        guard bytes >= file.bytes, !file.isSealed || bytes == file.bytes else {
            throw SinkError(
                .io,
                "\(name) in the output folder \(path) has \(bytes) bytes where \(file.bytes) were written; put back the file as it was"
            )
        }
        return true
    }

    /// Whether the folder and the open file are still where their names say: nobody finds what is
    /// written to a file that was moved or removed.
    func isInPlace(_ file: Int32, _ name: String) -> Bool {
        var (ours, theirs) = (stat(), stat())
        func isSame() -> Bool { ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev }
        guard fstat(file, &ours) == 0,
            fstatat(descriptor, name, &theirs, AT_SYMLINK_NOFOLLOW) == 0, isSame()
        else { return false }
        return fstat(descriptor, &ours) == 0 && stat(path, &theirs) == 0 && isSame()
    }

    // MARK: - Errors

    func unknown(_ name: String) -> SinkError {
        SinkError(
            .io,
            "\(name) in the output folder \(path) is not of this queue, and nothing is overwritten",
            remedy: .moveAwayOrNameAnotherFolder)
    }

    func failure(_ what: String, _ error: Errno) -> SinkError {
        SinkError(folder: path, what, error)
    }
}
