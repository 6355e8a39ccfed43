/// The formats that an output may have, in the order in which they are shown. The first is the
/// default.
public struct OutputFormats: Sendable {
    /// The formats that are built in.
    public static let standard = OutputFormats([
        JSONLines(), JSONLinesGzip(), WARC(), BodyFiles(),
    ])

    /// All formats; never empty.
    public let all: [any OutputFormat]

    /// - Precondition: There is a format, and all have different names.
    public init(_ formats: [any OutputFormat]) {
        precondition(!formats.isEmpty, "an output has a format")
        precondition(
            Set(formats.map(\.name)).count == formats.count, "a name means one format")
        all = formats
    }

    /// The names of the formats.
    public var names: [String] { all.map(\.name) }

    /// Returns the format with a name; `nil` when there is none.
    public func named(_ name: String) -> (any OutputFormat)? { all.first { $0.name == name } }

    /// Returns the number in the name of an output file of any format; `nil` when the name is not
    /// that of an output file.
    func number(ofFile name: String) -> Int? {
        for format in all {
            if let number = format.fileNames.number(of: name) { return number }
        }
        return nil
    }
}
