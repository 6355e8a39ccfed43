internal import Glibc
internal import JobStore

/// The folders of the format `files`, from `bodies` on. They are made as needed, and the last few
/// are kept open.
struct BodyFolders: ~Copyable {
    private let folder: OutputFolder
    /// The open folders by path, which begins with `bodies`, in the order they were opened.
    private var open: [(path: String, descriptor: Int32)] = []
    private static let openMax = 16
    /// Bodies of failures whose places are taken: those of one commit.
    private var drafts: Set<BodyName> = []

    init(in folder: OutputFolder) { self.folder = folder }

    deinit { for entry in open { close(entry.descriptor) } }

    /// Makes the file of a body and gives it to `write`.
    ///
    /// A file that stands in its place is replaced; if it is a link, the link is. That of a completed
    /// job was never marked. That of a failure may be: it has the same bytes then, and stays until
    /// `settle`, for which the new one must be on disk.
    mutating func create(
        _ name: BodyName, _ write: (Int32) throws(SinkError) -> Void
    ) throws(SinkError) {
        guard let place = try leaf(of: name, makes: true) else { return }
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        var path = name.file
        var file = openat(place, path, flags, 0o666)
        if file < 0 && errno == EEXIST {
            if name.ofFailure != nil { path += Self.draftSuffix }
            _ = try remove(path, of: name, in: place)
            file = openat(place, path, flags, 0o666)
        }
        guard file >= 0 else { throw unmade(name) }
        defer { close(file) }
        try write(file)
        if path != name.file { drafts.insert(name) }
    }

    /// Puts the files that have others in their place there.
    ///
    /// - Returns: Whether there were any.
    mutating func settle() throws(SinkError) -> Bool {
        guard !drafts.isEmpty else { return false }
        for name in drafts {
            guard let place = try leaf(of: name, makes: false),
                renameat(place, name.file + Self.draftSuffix, place, name.file) == 0
            else { throw unmade(name) }
        }
        drafts = []
        return true
    }

    /// The end of the name of a file that is to take another's place.
    private static let draftSuffix = ".draft"

    private func unmade(_ name: BodyName) -> SinkError {
        folder.failure("the body of job \(name.id) cannot be made", Errno(errno))
    }

    /// Removes a body that an attempt that was never marked may have left.
    ///
    /// - Returns: Whether there was one.
    mutating func remove(_ name: BodyName) throws(SinkError) -> Bool {
        guard let place = try leaf(of: name, makes: false) else { return false }
        return try remove(name.file, of: name, in: place)
    }

    private func remove(
        _ file: String, of name: BodyName, in place: Int32
    ) throws(SinkError) -> Bool {
        guard unlinkat(place, file, 0) != 0 else { return true }
        guard errno == ENOENT else {
            throw folder.failure("the body of job \(name.id) cannot be removed", Errno(errno))
        }
        return false
    }

    /// - Returns: The folder that a body's file is in; `nil` when the folder does not exist and is
    ///   not to be made.
    private mutating func leaf(of name: BodyName, makes: Bool) throws(SinkError) -> Int32? {
        let path = name.folder
        if let known = open.last(where: { $0.path == path }) { return known.descriptor }
        var place = folder.descriptor
        for (index, part) in path.split(separator: "/").enumerated() {
            let parent = place
            defer { if index > 0 { close(parent) } }
            guard let entered = try enter(String(part), in: place, makes: makes) else { return nil }
            place = entered
        }
        if open.count == Self.openMax { close(open.removeFirst().descriptor) }
        open.append((path, place))
        return place
    }

    private func enter(
        _ name: String, in place: Int32, makes: Bool
    ) throws(SinkError) -> Int32? {
        let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        var entered = openat(place, name, flags)
        if entered < 0 && errno == ENOENT {
            guard makes else { return nil }
            guard mkdirat(place, name, 0o777) == 0 || errno == EEXIST else {
                throw folder.failure("the folder \(name) for bodies cannot be made", Errno(errno))
            }
            entered = openat(place, name, flags)
        }
        guard entered >= 0 else {
            throw folder.failure(
                "the folder \(name) for bodies is no folder, or cannot be opened", Errno(errno))
        }
        return entered
    }
}
