import ArgumentParser
import Glibc
import Lists
import Runner

/// The options of `enqueue` that a list has.
struct ListFlags: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "Lists to queue as one batch: files, or URLs to fetch; - reads standard input.",
            valueName: "list"))
    var lists: [String] = []

    @Option(
        name: [.customShort("i"), .customLong("input")], parsing: .unconditionalSingleValue,
        help: ArgumentHelp("The same as an argument.", valueName: "list"))
    var input: [String] = []

    @Option(
        name: .customLong("input-format"),
        help: ArgumentHelp(
            "How they are written (default: by name, type and first bytes).", valueName: "format"))
    var format: ListFormat?

    @Option(
        help: ArgumentHelp(
            "What separates fields, where it is neither , nor ; nor a tab.", valueName: "character")
    )
    var separator: String?

    @Option(
        name: .customLong("url-column"),
        help: ArgumentHelp("The column of the URL (default: url).", valueName: "column"))
    var urlColumn: String?

    @Option(
        name: .customLong("key-column"),
        help: ArgumentHelp(
            "The column of a key of your own, which stands beside the ID.", valueName: "column"))
    var keyColumn: String?

    @Option(
        help: ArgumentHelp(
            "Columns to carry along to the output, with commas between.", valueName: "columns"))
    var keep: String?

    @Option(
        help: ArgumentHelp(
            "Write each line that cannot be queued here, with its number and why.",
            valueName: "file"))
    var rejects: String?

    @Flag(help: "Queue nothing when a line cannot be queued.")
    var strict = false

    @Flag(help: "Queue a list though it was queued before.")
    var again = false

    @Flag(
        help: "Leave out lines whose request is in the queue already, in some list, or comes twice."
    )
    var unique = false

    @Flag(help: "Queue lines as they come; an import that ended early can be gone on with.")
    var streaming = false

    /// The names of the lists.
    var names: [String] { lists + input }

    /// The lists that were named.
    func sources(by transport: ListTransport) -> [ListSource] {
        names.map { name in
            if name == "-" { return .descriptor(STDIN_FILENO, name: "standard input") }
            guard ListTransport.isURL(name) else { return .file(name) }
            // One connection may wait until it is read, many may not.
            return transport.list(at: name, isKeptOpen: names.count == 1)
        }
    }

    /// The options that only a list has, as far as they are given.
    var given: [String] {
        [
            format.map { _ in "--input-format" }, separator.map { _ in "--separator" },
            urlColumn.map { _ in "--url-column" }, keyColumn.map { _ in "--key-column" },
            keep.map { _ in "--keep" }, rejects.map { _ in "--rejects" },
            strict ? "--strict" : nil, again ? "--again" : nil, unique ? "--unique" : nil,
            streaming ? "--streaming" : nil,
        ].compactMap(\.self)
    }

    func validate() throws {
        guard names.count(where: { $0 == "-" }) <= 1 else {
            throw ValidationError("standard input can be read once; give - once")
        }
        if streaming {
            guard !strict else {
                throw ValidationError(
                    "--strict queues nothing when a line is bad, and --streaming has queued the lines before it; give one of them"
                )
            }
            guard !unique else {
                throw ValidationError(
                    "--unique compares a list as a whole, and --streaming queues lines as they come; give one of them"
                )
            }
            guard names.count < 2 else {
                throw ValidationError("--streaming takes one list; queue one after the other")
            }
            guard !ListTransport.isURL(names.first ?? "") else {
                throw ValidationError(
                    "--streaming takes a file or a pipe; queue the URL as a whole, or fetch it into a pipe"
                )
            }
        }
        if let separator {
            guard separator.utf8.count == 1, let byte = separator.utf8.first,
                !"\"\r\n".utf8.contains(byte)
            else {
                throw ValidationError(
                    "--separator is '\(separator)'; give one character, for example ';'")
            }
        }
    }
}
