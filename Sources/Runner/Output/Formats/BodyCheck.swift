internal import JobStore

/// Checks the bodies that an index of the format `files` tells of.
final class BodyCheck {
    private let bodies: StoredBodies
    /// Whether a line must tell of a body.
    private let areKept: Bool
    private let digest = Digest(.sha256)

    init(_ file: FileToRead) {
        bodies = file.bodies
        areKept = file.keepsBodies
    }

    /// Compares the body of a job with its line. A job that failed need not have one.
    ///
    /// The path in the line is never opened. It must be the path that the job's ID gives, and for a
    /// failure the SHA-256, and that path is opened.
    func check(_ line: UnsafeRawBufferPointer, _ record: JobRecord) throws(Damage) {
        guard let entry = Entry(endOf: line) else {
            guard areKept, record.isCompleted, !Self.isUnchanged(line) else { return }
            throw Damage("does not end with its body's file and sha256")
        }
        let path = StoredBodies.path(of: record, sha256: entry.sha256)
        guard entry.file.elementsEqual(path.utf8) else {
            throw Damage("names another file than \(path)")
        }
        do throws(Damage) {
            let file = try bodies.open(record, sha256: entry.sha256)
            guard file.bytes == entry.bytes else {
                throw Damage("is \(file.bytes) bytes long, its line says \(entry.bytes)")
            }
            guard try digest(of: file) == entry.sha256 else {
                throw Damage("is not what was written: its SHA-256 differs")
            }
        } catch {
            throw Damage("\(path) \(error.description)")
        }
    }

    /// Whether the line is of a response that says that nothing has changed, which has no body.
    private static func isUnchanged(_ line: UnsafeRawBufferPointer) -> Bool {
        // With the key before it: no value that is a string holds quotes as they stand here.
        let words = Array(#""status":304,"outcome":"unchanged","attempts":"#.utf8)
        var rest = line[...]
        while let start = rest.firstIndex(of: words[0]) {
            rest = rest[start...]
            if rest.starts(with: words) { return true }
            rest = rest.dropFirst()
        }
        return false
    }

    /// The SHA-256 of a file.
    private func digest(of file: OpenFile) throws(Damage) -> [UInt8] {
        digest.reset()
        try bodies.read(file) { self.digest.update($0) }
        return digest.finish()
    }

    /// The facts that a line tells about its body, in its last keys:
    /// `"body_bytes":7,"file":"…","sha256":"…"}`.
    private struct Entry {
        let bytes: Int
        let file: Slice<UnsafeRawBufferPointer>
        let sha256: [UInt8]

        /// Reads the line from the last `"body_bytes":` on: the runner, not a server, wrote what
        /// follows it.
        init?(endOf line: UnsafeRawBufferPointer) {
            let end = UnsafeRawBufferPointer(rebasing: line.suffix(512))
            let key = Array(#","body_bytes":"#.utf8)
            var start = end.count - key.count
            while start >= 0, !end[start..<start + key.count].elementsEqual(key) { start -= 1 }
            guard start >= 0 else { return nil }
            var scanner = ByteScanner(UnsafeRawBufferPointer(rebasing: end[start...]))
            guard scanner.take(#","body_bytes":"#), let bytes = scanner.takeNumber() else {
                return nil
            }
            _ = scanner.take(#","truncated":true"#)
            guard scanner.take(#","file":""#), let file = scanner.take(before: UInt8(ascii: "\"")),
                scanner.take(#","sha256":""#),
                let hex = scanner.take(before: UInt8(ascii: "\"")), hex.count == 64,
                let sha256 = Self.bytes(hex: Array(hex)), scanner.take("}\n"), scanner.rest.isEmpty
            else { return nil }
            self.bytes = bytes
            self.file = file
            self.sha256 = sha256
        }

        /// Returns the bytes that pairs of hex digits, in lower case, stand for; `nil` where others
        /// are among them.
        private static func bytes(hex: [UInt8]) -> [UInt8]? {
            let digits = hex.compactMap { [UInt8].hexDigits.firstIndex(of: $0) }
            guard digits.count == hex.count else { return nil }
            return stride(from: 0, to: digits.count, by: 2).map {
                UInt8(digits[$0] << 4 | digits[$0 + 1])
            }
        }
    }
}
