import Glibc
import TestSupport
import Testing

@testable import Lists

/// Readers that do not wait for ever: wherever a list pauses, its rows are those of a list that does
/// not.
@Suite struct PatienceTests {
    private static let sitemap = """
        <?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
        <url><loc>http://h/a</loc></url><url><loc>http://h/b</loc></url></urlset>
        """

    /// A list with the columns that are told of each row.
    private static let lists: [(ListFormat, String)] = [
        (.lines, "a\n\n# no\r\n \u{1}\nü b\nlast"), (.csv, "x,y\n1,\"a\n,\"\"b\"\n\n2,3\n4\n5,6"),
        (.tsv, "x\ty\n1\t2\n"), (.jsonl, "{\"url\":\"a\"}\nno\n\n{\"url\":\"b\"}"),
        (.sitemap, sitemap),
    ]

    /// Reads all of a pipe into which a byte is written each time the reader would wait.
    private func readByteByByte(
        _ bytes: [UInt8], _ format: ListFormat, beginning: Int
    ) throws -> (rows: [String], waits: Int) {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        var rest = bytes[...]
        defer {
            close(ends[0])
            if ends[1] >= 0 { close(ends[1]) }
        }
        func feed(_ count: Int) {
            let next = Array(rest.prefix(count))
            rest = rest.dropFirst(count)
            if !next.isEmpty { #expect(Glibc.write(ends[1], next, next.count) == next.count) }
            guard rest.isEmpty, ends[1] >= 0 else { return }
            close(ends[1])
            ends[1] = -1
        }
        // The beginning is waited for.
        feed(beginning)
        var options = ListOptions()
        options.patience = .zero
        let reader = try ListReader(
            source: .descriptor(ends[0], name: "pipe"), format: format, options: options)
        var (rows, waits): ([String], Int) = ([], 0)
        while let row = try reader.next() {
            switch row {
            case .waiting:
                waits += 1
                feed(1)
            case .rejected(let rejection):
                rows.append("!\(rejection.reason)@\(rejection.lineNumber)")
            case .row(let fields):
                let texts = (0..<fields.count).map { column in
                    fields.field(column).map { String(decoding: $0, as: UTF8.self) } ?? "-"
                }
                rows.append(texts.joined(separator: "|"))
            }
        }
        return (rows, waits)
    }

    @Test(arguments: lists)
    func rows_areTheSame_howeverOftenTheirPipePauses(format: ListFormat, text: String) throws {
        let bytes = Array(text.utf8)
        let whole = ListFile().reading(bytes, format)
        let beginning = format == .csv || format == .tsv ? 4 : 10
        let read = try readByteByByte(bytes, format, beginning: beginning)
        #expect(read.rows == whole.short)
        #expect(read.waits >= bytes.count - beginning)
    }

    @Test func compressedRows_areTheSame_howeverOftenTheirPipePauses() throws {
        let bytes = (0..<300).flatMap { Array("http://h/\($0 * 7919)\n".utf8) }
        let packed = Streams.gzip(bytes)
        let read = try readByteByByte(packed, .lines, beginning: packed.count / 3)
        #expect(read.rows == (0..<300).map { "http://h/\($0 * 7919)" })
        #expect(read.waits > packed.count / 2)
    }

    @Test func aRow_isThere_beforeTheNextOneComes() throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        #expect(Glibc.write(ends[1], "http://h/a\nhttp://h/b\nhttp", 26) == 26)
        var options = ListOptions()
        options.patience = .milliseconds(1)
        let reader = try ListReader(
            source: .descriptor(ends[0], name: "pipe"), options: options)
        for _ in 0..<2 {
            guard case .row? = try reader.next() else {
                Issue.record("a whole row waits for the next one")
                return
            }
        }
        for _ in 0..<3 {
            guard case .waiting? = try reader.next() else {
                Issue.record("half a row was taken")
                return
            }
        }
        #expect(reader.position == 22 && !reader.isOpenEnded)
    }

    @Test(arguments: [("a\nb", true), ("a\nb\n", false), ("a\n\"b", true)])
    func theLastRow_mayEndWithTheList(text: String, isOpen: Bool) throws {
        for format in [ListFormat.lines, .csv] {
            let folder = Folder()
            write(Array(text.utf8), to: folder.file("list"))
            let reader = try ListReader(source: .file(folder.file("list")), format: format)
            #expect(!reader.isOpenEnded)
            while try reader.next() != nil {}
            #expect(reader.isOpenEnded == isOpen, "\(format)")
        }
    }

    @Test func beginning_isTheSame_whileAFileGrows() throws {
        let folder = Folder()
        let source = ListSource.file(folder.file("list"))
        write(Array("a\nb\n".utf8), to: folder.file("list"))
        let first = try #require(try source.beginning())
        #expect(first.byteCount == 4)
        write([UInt8](repeating: 65, count: 70_000), to: folder.file("list"))
        #expect(try source.beginning(byteCount: 4) != first)
        #expect(try source.beginning()?.byteCount == 64 << 10)
        write(Array("a\nb\nc".utf8), to: folder.file("list"))
        #expect(try source.beginning(byteCount: 4) == first)
        #expect(try source.beginning() != first)
        #expect(try source.identity(byteCount: 4)?.byteCount == 4)
        write(Array("a\n".utf8), to: folder.file("list"))
        #expect(try source.beginning(byteCount: 4) != first)
    }
}
