import ArgumentParser
import JobStore

/// The option that selects jobs by their IDs.
struct IDRangeOption: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Jobs with these IDs: A..B without B (A..<B is the same), A...B with it.",
            valueName: "A..B"),
        transform: JobRange.argument)
    var range: JobRange?

    /// The IDs; `nil` where all are meant.
    var ids: Range<Int>? { range.map { $0.first..<$0.last + 1 } }
}
