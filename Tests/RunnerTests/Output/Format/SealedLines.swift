import JobStore
// Not @testable: all that a format needs is public.
import Runner

/// A format of tests: a line `17 of 1` a job, in files that are sealed by a footer, or by a header
/// in front of the same lines, which are changed besides.
struct SealedLines: OutputFormat {
    let sealing: Sealing
    /// Whether sealing fails when half of it is done.
    var isBroken = false

    var name: String { sealing == .footer ? "footed" : "rewritten" }
    var fileNames: OutputFileNames { OutputFileNames(stem: "\(name)-", suffix: ".lines") }
    let needs: ResponseNeeds = []
    let bodies = BodyPlacement.inRecords

    func makeRenderer(_ options: RenderingOptions) -> any RecordRenderer { Renderer() }
    func makeEncoder(_ options: RenderingOptions) -> any FileEncoder { Encoder(format: self) }
    func makeReader(_ file: FileToRead) -> any RecordReader { Reader(file, sealing) }

    static func line(_ id: Int, of batch: Int) -> [UInt8] { Array("\(id) of \(batch)\n".utf8) }
    static func seal(records: Int) -> [UInt8] { Array("\(records) records\n".utf8) }
    static func changed(_ bytes: some Sequence<UInt8>) -> [UInt8] { bytes.map { $0 ^ 0x80 } }

    private final class Renderer: RecordRenderer {
        func render(
            _ record: Record, into bytes: inout [UInt8],
            makeRoom: (inout [UInt8]) throws(SinkError) -> Void
        ) throws(SinkError) {
            bytes += SealedLines.line(record.id, of: record.batchID)
        }
    }

    private final class Encoder: FileEncoder {
        private let format: SealedLines

        init(format: SealedLines) { self.format = format }

        func seal(_ file: borrowing FileToSeal, append: Append) throws(SinkError) {
            var bytes = SealedLines.seal(records: file.records)
            if format.sealing == .rewrite {
                var lines = [UInt8](repeating: 0, count: file.bytes + 1)
                var failure: SinkError?
                let count = lines.withUnsafeMutableBytes { buffer in
                    do throws(SinkError) {
                        return try file.read(at: 0, into: buffer)
                    } catch {
                        failure = error
                        return 0
                    }
                }
                if let failure { throw failure }
                bytes += SealedLines.changed(lines[..<count])
            }
            if format.isBroken { bytes = Array(bytes.dropLast(3)) }
            for byte in bytes {
                var failure: SinkError?
                withUnsafeBytes(of: byte) { piece in
                    do throws(SinkError) { try append(piece) } catch { failure = error }
                }
                if let failure { throw failure }
            }
            if format.isBroken { throw SinkError(.io, "sealing is broken") }
        }
    }

    /// Reads the whole file at once.
    private final class Reader: RecordReader {
        private let file: FileToRead
        private let sealing: Sealing
        private var lines: [Substring]?

        init(_ file: FileToRead, _ sealing: Sealing) {
            self.file = file
            self.sealing = sealing
        }

        func next() throws(Damage) -> JobRecord? {
            if lines == nil { lines = try readLines() }
            guard let line = lines?.first else { return nil }
            lines?.removeFirst()
            let words = line.split(separator: " ")
            guard words.count == 3, words[1] == "of", let id = Int(words[0]),
                let batchID = Int(words[2])
            else { throw Damage("has a line that is none: \(line)") }
            return JobRecord(batchID: batchID, id: id, isCompleted: true)
        }

        private func readLines() throws(Damage) -> [Substring] {
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1000, alignment: 1)
            defer { buffer.deallocate() }
            var bytes: [UInt8] = []
            while true {
                let count = try file.bytes.read(into: buffer)
                if count == 0 { break }
                bytes += buffer[..<count]
            }
            guard file.isSealed else { return Self.lines(in: bytes) }
            switch sealing {
            case .nothing: return Self.lines(in: bytes)
            case .footer:
                let lines = Self.lines(in: bytes)
                guard lines.last == "\(file.recordsBefore + lines.count - 1) records" else {
                    throw Damage("has no footer")
                }
                return lines.dropLast()
            case .rewrite:
                guard let end = bytes.firstIndex(of: 10) else { throw Damage("has no header") }
                let lines = Self.lines(in: SealedLines.changed(bytes[(end + 1)...]))
                guard bytes[...end].elementsEqual(SealedLines.seal(records: lines.count)) else {
                    throw Damage("has another header")
                }
                return lines
            }
        }

        private static func lines(in bytes: [UInt8]) -> [Substring] {
            String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        }
    }
}
