internal import Glibc
internal import JobStore

/// The folders of the format `files`, from `bodies` on. They are made as needed, and the last few
/// are kept open.
struct BodyFolders: ~Copyable {
    private let folder: OutputFolder
    /// The open folders by path, which begins with `bodies`, in the order they were opened.
    private var open: [(path: String, descriptor: Int32)] = []
    private static let openMax = 16

    init(in folder: OutputFolder) { self.folder = folder }

    deinit { for entry in open { close(entry.descriptor) } }

    /// Makes the file of a body and gives it to `write`. A file that stands in its place was never
    /// marked, and is removed; if it is a link, the link is.
    mutating func create(
        _ name: BodyName, _ write: (Int32) throws(SinkError) -> Void
    ) throws(SinkError) {
        guard let place = try leaf(of: name, makes: true) else { return }
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        var file = openat(place, name.file, flags, 0o666)
        if file < 0 && errno == EEXIST {
            _ = try remove(name)
            file = openat(place, name.file, flags, 0o666)
        }
        guard file >= 0 else {
            throw folder.failure("the body of job \(name.id) cannot be made", Errno(errno))
        }
        defer { close(file) }
        try write(file)
    }

    /// Removes a body that an attempt that was never marked may have left.
    ///
    /// - Returns: Whether there was one.
    mutating func remove(_ name: BodyName) throws(SinkError) -> Bool {
        guard let place = try leaf(of: name, makes: false) else { return false }
        guard unlinkat(place, name.file, 0) != 0 else { return true }
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
