import ArgumentParser
import Glibc
import Runner

/// The options of the output: its place and its form.
struct OutputFlags: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "Keep responses in this folder (default: as the last run did, else drop them).",
            valueName: "folder"))
    var output: String?

    @Option(
        help: ArgumentHelp(
            "How they are written (default: as the last run did, else \(OutputFormats.standard.names[0])).",
            valueName: OutputFormats.standard.names.joined(separator: "|")),
        transform: Self.format)
    var format: String?

    @Option(
        name: .customLong("rotate-size"),
        help: ArgumentHelp(
            "Seal a file at this size and begin the next (default: \(ByteCount(OutputOptions.rotateBytesDefault).defaultValueDescription)).",
            valueName: "bytes"))
    var rotateSize: ByteCount?

    @Flag(inversion: .prefixedNo, help: "Keep bodies (default: --body).")
    var body: Bool?

    @Flag(
        name: .customLong("output-failures"), inversion: .prefixedNo,
        help: "Write a record of failed jobs, too (default: --no-output-failures).")
    var outputFailures: Bool?

    @Option(
        name: .customLong("on-seal"),
        help: ArgumentHelp(
            "Run this by sh for each sealed file, $1, until it succeeds; not kept for later runs.",
            valueName: "command"))
    var onSeal: String?

    @Option(
        name: .customLong("max-memory"),
        help: ArgumentHelp(
            "Bodies in memory at once; what goes beyond waits in a temporary file.",
            valueName: "bytes"))
    var maxMemory = ByteCount(OutputOptions().memoryBytesMax)

    @Option(
        name: .customLong("min-free-disk"),
        help: ArgumentHelp(
            "Stop when queue or output have less room than this (default: when there is none).",
            valueName: "bytes"))
    var minFreeDisk: ByteCount?

    private static func format(_ name: String) throws -> String {
        guard OutputFormats.standard.named(name) != nil else {
            let names = OutputFormats.standard.names.joined(separator: ", ")
            throw ValidationError("there is no format '\(name)'; give one of: \(names)")
        }
        return name
    }

    func validate() throws {
        if onSeal?.allSatisfy(\.isWhitespace) == true {
            throw ValidationError("--on-seal names no command; leave it out to run none")
        }
        if let output, output.isEmpty || Terminal.escaped(output) != output {
            throw ValidationError(
                "the output folder's name is empty or holds a control character; name another with --output"
            )
        }
    }

    var outputOptions: OutputOptions {
        var options = OutputOptions()
        options.folder = output
        options.format = format
        options.rotateBytes = rotateSize?.bytes
        options.keepsBodies = body
        options.keepsFailures = outputFailures
        options.memoryBytesMax = maxMemory.bytes
        options.sealedFileCommand = onSeal
        return options
    }

    /// - Parameter folders: The queue's folder, and the output's if there is one.
    func diskReserve(in folders: [String]) -> DiskReserve? {
        minFreeDisk.map { DiskReserve(folders: folders, bytes: $0.bytes) }
    }
}
