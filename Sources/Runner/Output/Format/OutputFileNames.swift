/// The names of a format's files: `responses-00001.jsonl`, `responses-00002.jsonl`, ….
public struct OutputFileNames: Sendable {
    private let stem: String
    private let suffix: String
    private let first: String?

    /// - Parameters:
    ///   - stem: The part of each name before the number.
    ///   - suffix: The part of each name behind the number.
    ///   - first: The whole name of the format's first file, where that has no number.
    /// - Precondition: No part holds a slash, the names do not begin with a dot, and no two formats
    ///   have the same names.
    public init(stem: String = "responses-", suffix: String, first: String? = nil) {
        precondition(
            ![stem, suffix, first ?? ""].contains { $0.contains("/") } && !stem.isEmpty
                && !stem.hasPrefix(".") && first?.hasPrefix(".") != true,
            "output files are in one folder, and not hidden")
        self.stem = stem
        self.suffix = suffix
        self.first = first
    }

    /// Returns the name of a queue's output file.
    ///
    /// - Parameters:
    ///   - number: The number of the file among the queue's files, 1 or more.
    ///   - isFirst: Whether the file is the queue's first in this format.
    func name(of number: Int, isFirst: Bool) -> String {
        if isFirst, let first { return first }
        let digits = String(number)
        return stem + String(repeating: "0", count: max(0, 5 - digits.count)) + digits + suffix
    }

    /// Returns the number in the name of a file, 1 where the name has none.
    ///
    /// - Returns: `nil` when the name is not that of a file of the format, as a name with a slash
    ///   never is.
    func number(of name: String) -> Int? {
        if name == first { return 1 }
        guard name.hasPrefix(stem), name.hasSuffix(suffix),
            name.utf8.count > stem.utf8.count + suffix.utf8.count
        else { return nil }
        let digits = name.dropFirst(stem.count).dropLast(suffix.count)
        guard digits.utf8.count >= 5, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let number = Int(digits), number > 0
        else { return nil }
        return number
    }
}
