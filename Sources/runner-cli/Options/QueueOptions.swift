import ArgumentParser
import Glibc
import JobStore
import Stores

/// The option that names the queue of a command.
struct QueueOptions: ParsableArguments {
    /// The name of the queue's file unless another is given.
    static let standardFile = "runner.db"

    @Option(
        help: ArgumentHelp(
            "The queue's file, or postgres://user@host/database (default: $RUNNER_QUEUE, else ./\(QueueOptions.standardFile)).",
            valueName: "file"))
    var queue: String?

    /// The place of the queue as it was named. It may hold a password: to open the queue, and for
    /// nobody to see.
    var location: String {
        queue ?? getenv("RUNNER_QUEUE").map { String(cString: $0) } ?? Self.standardFile
    }

    /// The queue as people are shown it.
    var path: String {
        if let place { return place.shown }
        // A URL that nothing takes may hold a password, too.
        return location.firstRange(of: "://").map { location[..<$0.upperBound] + "…" } ?? location
    }

    /// `nil` for a URL that no store takes.
    private var place: QueueLocation? { try? QueueLocation(location) }

    /// Whether several runs, on any machines, may work on the queue at a time.
    var isShared: Bool { place?.isShared ?? false }

    /// Whether commands without the option take another file than the standard one.
    static var isNamedByEnvironment: Bool { getenv("RUNNER_QUEUE") != nil }

    /// The folder of the queue's file; `nil` where the queue is none.
    var folder: String? {
        if isShared { return nil }
        return path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
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
    /// missing; `nil` where the queue is no file.
    var realFolder: String? {
        guard !isShared else { return nil }
        guard let real = realpath(path, nil) else { return folder }
        defer { free(real) }
        let file = String(cString: real)
        return file.lastIndex(of: "/").map { $0 == file.startIndex ? "/" : String(file[..<$0]) }
            ?? folder
    }

    func validate() throws { try Self.check(path, given: queue) }

    /// - Parameters:
    ///   - path: The queue as people are shown it, or as it was named.
    ///   - given: The queue as it was named on the command line.
    /// - Throws: `ValidationError` when a text is no name of a queue.
    static func check(_ path: String, given: String?) throws {
        if path.isEmpty {
            throw ValidationError("the queue's name is empty; name a file with --queue")
        }
        if let given, (try? QueueLocation(given))?.hasPassword ?? false {
            throw ValidationError(
                "the URL given with --queue holds a password, which others on this machine can read in the list of processes; put it into ~/.pgpass, into PGPASSWORD, or give the URL as RUNNER_QUEUE"
            )
        }
        // U+FFFD stands where the bytes were no UTF-8: two names could become one.
        if Terminal.escaped(path) != path || path.unicodeScalars.contains("\u{FFFD}") {
            throw ValidationError(
                "the queue's name holds a control character or is not UTF-8; name another file with --queue"
            )
        }
    }
}
