import JobStore
import Runner

/// An output format in one file: a line `17 of 1: 200, 12 bytes` a job, and in a sealed file a last
/// line that says how many there are.
struct CountedLines: OutputFormat {
    let name = "counted"
    let fileNames = OutputFileNames(stem: "counted-", suffix: ".txt")
    let needs: ResponseNeeds = []
    let bodies = BodyPlacement.inRecords
    let sealing = Sealing.footer

    func makeRenderer(_ options: RenderingOptions) -> any RecordRenderer { Renderer() }
    func makeEncoder(_ options: RenderingOptions) -> any FileEncoder { Encoder() }
    func makeReader(_ file: FileToRead) -> any RecordReader { Reader(file) }

    private final class Renderer: RecordRenderer {
        func render(
            _ record: Record, into bytes: inout [UInt8],
            makeRoom: (inout [UInt8]) throws(SinkError) -> Void
        ) throws(SinkError) {
            bytes += "\(record.id) of \(record.batchID): ".utf8
            bytes += "\(record.status), \(record.bodyBytes) bytes\n".utf8
        }
    }

    private final class Encoder: FileEncoder {
        func seal(_ file: borrowing FileToSeal, append: Append) throws(SinkError) {
            let footer = Array("\(file.records) lines\n".utf8)
            var failure: SinkError?
            footer.withUnsafeBytes { bytes in
                do throws(SinkError) { try append(bytes) } catch { failure = error }
            }
            if let failure { throw failure }
        }
    }

    private final class Reader: RecordReader {
        private let file: FileToRead
        private var rest: [UInt8] = []
        private var isAtEnd = false
        private let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: 4096, alignment: 1)
        private var count = 0

        init(_ file: FileToRead) { self.file = file }

        deinit { buffer.deallocate() }

        func next() throws(Damage) -> JobRecord? {
            guard let line = try nextLine() else { return nil }
            let words = line.split { " :,".contains($0) }
            if words.count == 2, words[1] == "lines" {
                guard Int(words[0]) == file.recordsBefore + count, try nextLine() == nil else {
                    throw Damage("says that it has \(words[0]) lines, and has not")
                }
                return nil
            }
            guard words.count == 6, let id = Int(words[0]), let batchID = Int(words[2]) else {
                throw Damage("has a line that is none: \(line)")
            }
            count += 1
            return JobRecord(batchID: batchID, id: id, isCompleted: true)
        }

        private func nextLine() throws(Damage) -> String? {
            while true {
                if let end = rest.firstIndex(of: 0x0A) {
                    defer { rest.removeFirst(end + 1) }
                    return String(decoding: rest[..<end], as: UTF8.self)
                }
                if isAtEnd {
                    guard rest.isEmpty else { throw Damage("ends within a line") }
                    return nil
                }
                let read = try file.bytes.read(into: buffer)
                isAtEnd = read == 0
                rest += buffer[..<read]
            }
        }
    }
}
