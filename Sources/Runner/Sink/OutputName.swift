/// The name of an output file: `responses-00001.jsonl`, `index.jsonl`, `index-00002.jsonl`, ….
struct OutputName {
    /// The format as `--format` calls it.
    let format: String
    /// The number of the file, from 1.
    let number: Int

    /// - Returns: `nil` when `name` is not the name of an output file, as a name with a slash never
    ///   is.
    init?(_ name: String) {
        if name == "index.jsonl" {
            (format, number) = ("files", 1)
            return
        }
        let kinds = [
            ("responses-", ".jsonl", "jsonl"), ("responses-", ".jsonl.gz", "jsonl.gz"),
            ("responses-", ".warc.gz", "warc"), ("index-", ".jsonl", "files"),
        ]
        for (prefix, suffix, format) in kinds
        where name.hasPrefix(prefix) && name.hasSuffix(suffix) {
            let digits = name.dropFirst(prefix.count).dropLast(suffix.count)
            if digits.utf8.count >= 5, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let number = Int(digits), number > 0
            {
                self.format = format
                self.number = number
                return
            }
        }
        return nil
    }
}
