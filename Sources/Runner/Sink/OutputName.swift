/// The name of an output file: `responses-00001.jsonl`, `index.jsonl`, `index-00002.jsonl`, ….
struct OutputName {
    /// As `--format` calls it.
    let format: String
    /// From 1.
    let number: Int

    /// - Returns: `nil` when the name is none of ours; so never one with a slash.
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
