import ArgumentParser
import Glibc
import JobStore

/// The option that names the queues of a command that only looks at them.
struct QueuesOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The queue's file, or postgres://user@host/database (default: $RUNNER_QUEUE, else ./\(QueueOptions.standardFile)); of several files, given several times, or a pattern in quotes: 'shards/*/\(Shard.queueName)'.",
            valueName: "file"))
    var queue: [String] = []

    func validate() throws {
        for name in queue { try QueueOptions.check(name, given: name) }
    }

    /// Returns the queues that are meant, each once; those of a pattern in the order of the numbers
    /// in their names.
    ///
    /// - Throws: `ValidationError` when a pattern fits no file.
    func queues() throws -> [QueueOptions] {
        if queue.isEmpty { return [try QueueOptions.parse([])] }
        return try Self.queues(queue)
    }

    static func queues(_ names: [String]) throws -> [QueueOptions] {
        var seen: Set<String> = []
        var queues: [QueueOptions] = []
        for path in try names.flatMap(FilePattern.paths) {
            let options = try QueueOptions.parse(["--queue=\(path)"])
            if seen.insert(options.realPath).inserted { queues.append(options) }
        }
        return queues
    }
}

/// A pattern of file names, as a shell knows them.
enum FilePattern {
    /// Returns the files that a pattern fits; a name without `*`, `?` and `[`, or of a file that is
    /// there, stands for itself.
    static func paths(_ text: String) throws -> [String] {
        guard !text.contains("://"), text.contains(where: { "*?[".contains($0) }),
            access(text, F_OK) != 0
        else {
            return [text]
        }
        var found = glob_t()
        defer { globfree(&found) }
        guard glob(text, 0, nil, &found) == 0 else {
            throw ValidationError(
                "no file is named as '\(Terminal.escaped(text))'; name a queue's file with --queue")
        }
        let names = (0..<Int(found.gl_pathc)).compactMap { found.gl_pathv[$0] }
            .map { String(cString: $0) }
        return names.map { (order(of: $0), $0) }.sorted { $0 < $1 }.map(\.1)
    }

    /// A text by which names are sorted with their numbers in order: each number is preceded by its
    /// length, so that 9 comes before 10.
    static func order(of name: String) -> String {
        var order = ""
        var rest = Substring(name)
        while let first = rest.first {
            let isNumber = first.isASCII && first.isNumber
            let part = rest.prefix { ($0.isASCII && $0.isNumber) == isNumber }
            let digits = part.drop { $0 == "0" }
            order +=
                isNumber
                ? "\(String(repeating: "9", count: digits.count / 10))\(digits.count % 10)\(digits)"
                : part
            rest = rest[part.endIndex...]
        }
        return order
    }
}
