/// The reading of a list, as far as it can be chosen.
public struct ListOptions: Sendable {
    /// The most bytes of a row: of a line without its end, of a CSV record, of the values of one
    /// entry of a sitemap. A larger row is rejected, and read past without being kept.
    public var rowBytesMax = 1 << 20
    /// The byte between two fields of `csv` or `tsv`; `nil` for the format's own, where a header of
    /// `csv` that has semicolons and no comma stands for semicolons.
    public var separator: UInt8?
    /// The longest that a reader waits for more bytes of a pipe before it says so
    /// (`ListRow.waiting`), in whole milliseconds; `nil` to wait for as long as it takes.
    public var patience: Duration?
    /// The most decompressed bytes that are read of a sitemap, behind which reading it fails with
    /// `ListError.Code.tooLarge`; `nil` for any number.
    public var bytesMax: Int?
    /// The most bytes that one read asks for. Tests make it small.
    var readBytes = 256 << 10

    /// - Parameters:
    ///   - rowBytesMax: 1 or more. Memory is at most ten times as much, and 2 MB; decompressing
    ///     takes up to 128 MiB more.
    ///   - separator: Neither a quote, nor the end of a line.
    public init(rowBytesMax: Int = 1 << 20, separator: UInt8? = nil) {
        precondition(rowBytesMax > 0, "a row has bytes")
        precondition(
            separator.map { ![0x22, 0x0A, 0x0D].contains($0) } ?? true,
            "fields are not separated by what quotes them or ends a row")
        self.rowBytesMax = rowBytesMax
        self.separator = separator
    }
}
