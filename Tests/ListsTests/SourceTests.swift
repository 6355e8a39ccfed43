import Glibc
import TestSupport
import Testing

@testable import Lists

@Suite struct SourceTests {
    private let folder = Folder()
    private var path: String { folder.file("list.txt") }

    private func fault(of source: ListSource) -> Reading { reading(source, nil) }

    @Test func whatCannotBeRead_isNamed() throws {
        let missing = fault(of: .file(path))
        #expect(missing.code == .missing)
        #expect(missing.message == "\(path) does not exist")
        #expect(fault(of: .file(path + "/x")).code == .missing)
        #expect(fault(of: .file(folder.path)).code == .isFolder)
        #expect(fault(of: .descriptor(-1, name: "standard input")).code == .io)
        let directory = open(folder.path, O_RDONLY)
        defer { close(directory) }
        #expect(fault(of: .descriptor(directory, name: "x")).code == .isFolder)
        let writing = open(path, O_WRONLY | O_CREAT, 0o600)
        defer { close(writing) }
        let unreadable = fault(of: .descriptor(writing, name: "x"))
        #expect(unreadable.code == .io)
        #expect(unreadable.message.contains("after 0 bytes"), "\(unreadable.message)")
        // Nobody may read one's memory at 0.
        #expect(fault(of: .file("/proc/self/mem")).code == .io)
    }

    @Test func fileWithoutPermission_isUnreadable() {
        write(Array("a".utf8), to: path)
        chmod(path, 0)
        // Root may read it all the same.
        #expect(fault(of: .file(path)).code == (geteuid() == 0 ? nil : .unreadable))
    }

    @Test func fileIsRead_andItsSizeKnown() throws {
        write(Array("a\nb\n".utf8), to: path)
        let reader = try ListReader(source: .file(path))
        #expect(reader.format == .lines)
        #expect(reader.byteCount == 4)
        #expect(reader.lineNumber == 0)
        #expect(reader.position == 0)
        while let row = try reader.next() {
            guard case .row(let fields) = row else { break }
            #expect(fields.count == 1)
        }
        #expect(reader.bytesRead == 4)
        #expect(reader.position == 4)
    }

    @Test func descriptorIsReadFromWhereItStands_andLeftOpen() throws {
        let lines = (0..<20).map { "line \($0)" }
        let text = lines.joined(separator: "\n")
        write(Array(("x\n" + text).utf8), to: path)
        let descriptor = open(path, O_RDONLY)
        defer { #expect(close(descriptor) == 0) }
        lseek(descriptor, 2, SEEK_SET)
        let source = ListSource.descriptor(descriptor, name: "standard input")
        #expect(try source.identity()?.byteCount == text.utf8.count)
        let whole = reading(source, .lines)
        #expect(whole.short == lines)
        for readBytes in [1, 4096] {
            var options = ListOptions()
            options.readBytes = readBytes
            for (index, entry) in whole.entries.enumerated() {
                lseek(descriptor, 2, SEEK_SET)
                let rest = reading(source, .lines, options, startingAt: entry.position)
                #expect(rest.short == Array(whole.short[(index + 1)...]))
            }
        }
        #expect(fcntl(descriptor, F_GETFD) >= 0)
    }

    @Test func pipeIsReadAsItComes() throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        defer { close(ends[0]) }
        func send(_ text: String) {
            #expect(Glibc.write(ends[1], text, text.utf8.count) == text.utf8.count)
        }
        send("one\ntw")
        let source = ListSource.descriptor(ends[0], name: "standard input")
        #expect(try source.identity() == nil)
        let reader = try ListReader(source: source, format: .lines)
        #expect(reader.byteCount == nil)
        func next() throws -> String? {
            guard case .row(let fields) = try reader.next() else { return nil }
            return fields.field(0).map { String(decoding: $0, as: UTF8.self) }
        }
        // Without waiting for more than the row.
        #expect(try next() == "one")
        send("o\nthr")
        #expect(try next() == "two")
        send("ee")
        close(ends[1])
        #expect(try next() == "three")
        #expect(try next() == nil)
        #expect(try next() == nil)
        #expect(reader.bytesRead == 13)
    }

    @Test func pipeIsSkippedByReading() throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        let text = "id,name\n1,a\n2,b\n"
        #expect(Glibc.write(ends[1], text, text.utf8.count) == text.utf8.count)
        close(ends[1])
        defer { close(ends[0]) }
        let rest = reading(.descriptor(ends[0], name: "x"), .csv, startingAt: 12, lineNumber: 3)
        #expect(rest.columns == ["id", "name"])
        #expect(rest.short == ["2|b"])
        #expect(rest.entries[0].line == 3)
    }

    @Test func descriptorThatDoesNotWait_isWaitedFor() async throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        let (input, output) = (ends[0], ends[1])
        defer { close(input) }
        _ = fcntl(input, F_SETFL, O_NONBLOCK)
        async let rows = reading(.descriptor(input, name: "x"), .lines).short
        _ = Glibc.write(output, "a\nb", 3)
        close(output)
        #expect(await rows == ["a", "b"])
    }

    @Test func listThatBecameShorter_isToldOf() {
        for bytes in [Array("a\nb\n".utf8), Streams.gzip(Array("a\nb\n".utf8))] {
            write(bytes, to: path)
            #expect(reading(.file(path), .lines, startingAt: 4).code == nil)
            let fault = reading(.file(path), .lines, startingAt: 5)
            #expect(fault.code == .changed)
            #expect(fault.message.contains("has only 4 bytes, and 5"), "\(fault.message)")
        }
    }

    /// - Returns: The bytes that the window has room for once the list was read.
    private func capacity(reading text: String, _ format: ListFormat) throws -> Int {
        write(Array(text.utf8), to: path)
        var options = ListOptions(rowBytesMax: 1000)
        options.readBytes = 1000
        let window = try ByteWindow(
            ByteInflow(ByteFile(.file(path)), readBytes: 1000), readBytes: 1000)
        let place = ReadingPlace()
        switch format {
        case .lines:
            let scanner = LinesScanner(window, place, options)
            while try scanner.next() != nil {}
        case .csv, .tsv:
            let scanner = try DelimitedScanner(window, place, options, format: format)
            while try scanner.next() != nil {}
        case .jsonl:
            let scanner = JSONLinesScanner(window, place, options)
            while try scanner.next() != nil {}
        case .sitemap:
            let scanner = try SitemapScanner(window, place, options, start: 0)
            while try scanner.next() != nil {}
        }
        #expect(place.position > 190_000)
        return window.capacity
    }

    @Test func memoryDoesNotGrowWithRows() throws {
        let long = String(repeating: "x", count: 1_000_000)
        for (text, format) in [
            ("a\n\(long)\nb\n", ListFormat.lines), ("\(long)", .lines), ("#\(long)\nb", .lines),
            ("{\"url\":\"\(long)\"}\nb", .jsonl), ("a\n\(long)\nb\n", .csv),
            ("a\n\"\(long)\"\nb\n", .csv), ("a\n\"\(long)", .csv),
            ("a\tb\n1\t\"\n\(long)\"\nb\n", .tsv),
            ("<urlset><url><loc>\(long)</loc></url></urlset>", .sitemap),
            (String(repeating: "a\n", count: 100_000), .lines),
            (String(repeating: "a\n", count: 100_000), .csv),
        ] {
            #expect(try capacity(reading: text, format) <= 8000, "\(format) \(text.prefix(5))")
        }
    }

    @Test func identityIsOfNameSizeAndEnds() throws {
        func identity(_ bytes: [UInt8]) throws -> ListIdentity? {
            write(bytes, to: path)
            return try ListSource.file(path).identity()
        }
        // Of FNV-1a's own test vectors.
        #expect(try identity([])?.endsHash == 0xCBF2_9CE4_8422_2325)
        #expect(try identity(Array("foobar".utf8))?.endsHash == 0x8594_4171_F739_67E8)
        for count in [1, 1000, 65536, 65537, 100_000, 131_072, 131_073, 1_000_000] {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
            let first = try identity(bytes)
            let again = try identity(bytes)
            #expect(again == first)
            #expect(first?.byteCount == count)
            #expect(first?.name == path)
            for index in Set([0, count / 3, count - 1]) {
                var changed = bytes
                changed[index] ^= 1
                let isAtAnEnd = index < 65536 || index >= count - 65536
                let second = try identity(changed)
                #expect((second != first) == isAtAnEnd, "\(index) of \(count)")
            }
        }
        #expect(throws: ListError.self) { try ListSource.file(folder.path).identity() }
    }
}

@Suite struct ListFormatTests {
    @Test(arguments: [
        ("a.txt", "", ListFormat.lines), ("a.csv", "", .csv), ("A.CSV", "", .csv),
        ("dir.csv/a.txt.gz", "", .lines), ("a.tsv.zst", "", .tsv), ("a.jsonl.bz2", "", .jsonl),
        ("a.ndjson.xz", "", .jsonl), ("sitemap.xml.GZ", "", .sitemap), ("a.tab", "", .tsv),
        ("a.csv.bzip2", "", .csv), ("a.csv.zstd", "", .csv), ("a.urls", "<x", .lines),
        ("standard input", "http://a/", .lines), ("-", "<?xml", .sitemap),
        ("-", " \n<urlset", .sitemap),
        ("-", "{\"url\":1}", .jsonl), ("-", "\u{FEFF}{", .jsonl), ("-", "\u{FEFF}<", .sitemap),
        ("-", "", .lines), ("-", "a,b\n1,2\n", .lines), ("a.gz", "{", .jsonl),
        ("x.json", "{", .jsonl),
        (".csv", "", .csv), ("csv", "", .lines), ("a.csv", "{", .csv), ("gz", "", .lines),
    ])
    func guesses(name: String, beginning: String, format: ListFormat) {
        #expect(ListFormat.guess(name: name, firstBytes: beginning.utf8) == format)
    }

    @Test func compressedListIsGuessedByItsText() {
        let file = ListFile()
        let bytes = Streams.xz(Array("{\"url\":\"u\"}\n".utf8))
        #expect(file.reading(bytes, nil).short == ["u|-|-|-|-|-"])
    }
}
