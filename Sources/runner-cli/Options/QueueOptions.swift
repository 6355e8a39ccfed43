import ArgumentParser
import Glibc

/// The option that names the queue of a command.
struct QueueOptions: ParsableArguments {
    /// The name of the queue's file unless another is given.
    static let standardFile = "runner.db"

    @Option(
        help: ArgumentHelp(
            "The queue's file (default: $RUNNER_QUEUE, else ./\(QueueOptions.standardFile)).",
            valueName: "file"))
    var queue: String?

    var path: String {
        queue ?? getenv("RUNNER_QUEUE").map { String(cString: $0) } ?? Self.standardFile
    }

    /// Whether commands without the option take another file than the standard one.
    static var isNamedByEnvironment: Bool { getenv("RUNNER_QUEUE") != nil }

    /// The folder of the queue's file.
    var folder: String {
        path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
    }

    /// The queue's file with links resolved; the same as `path` while the file is missing.
    var realPath: String { Self.real(path) }

    /// A path with links resolved; the same while there is no file.
    static func real(_ path: String) -> String {
        guard let real = realpath(path, nil) else { return path }
        defer { free(real) }
        return String(cString: real)
    }

    /// Refuses a file that a command is to write where it is the queue's own, or a list that it reads.
    ///
    /// - Parameter option: The option that names the file.
    func spare(_ file: String?, option: String, lists: [String] = []) throws {
        guard let file else { return }
        // Where the log and its index are missing, SQLite may make them.
        let own = ["", "-wal", "-shm", "-lock"].map { realPath + $0 }
        let slash = file.lastIndex(of: "/")
        let folder = slash.map { String(file[...$0]) } ?? "./"
        let name = file[(slash.map(file.index(after:)) ?? file.startIndex)...]
        let places = [Self.real(file), "\(Self.real(folder))/\(name)"]
        let shown = "\(option) \(Terminal.escaped(file))"
        if places.contains(where: own.contains) {
            throw ValidationError("\(shown) is the queue's own file; name another")
        }
        if lists.contains(where: { places.contains(Self.real($0)) }) {
            throw ValidationError("\(shown) is the list itself; name another file")
        }
    }

    /// The folder of the queue's file with links resolved; the same as `folder` while the file is
    /// missing.
    var realFolder: String {
        guard let real = realpath(path, nil) else { return folder }
        defer { free(real) }
        let file = String(cString: real)
        return file.lastIndex(of: "/").map { $0 == file.startIndex ? "/" : String(file[..<$0]) }
            ?? folder
    }

    func validate() throws { try Self.check(path) }

    /// - Throws: `ValidationError` when a text is no name of a queue's file.
    static func check(_ path: String) throws {
        if path.isEmpty {
            throw ValidationError("the queue's name is empty; name a file with --queue")
        }
        // U+FFFD stands where the bytes were no UTF-8: two names could become one.
        if Terminal.escaped(path) != path || path.unicodeScalars.contains("\u{FFFD}") {
            throw ValidationError(
                "the queue's name holds a control character or is not UTF-8; name another file with --queue"
            )
        }
    }
}
