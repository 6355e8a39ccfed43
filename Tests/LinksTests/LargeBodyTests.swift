import Glibc
import Runner
import TestSupport
import Testing

@testable import Links

/// Bodies that are to take too long or too much: time grows with their bytes, and memory does not.
@Suite struct LargeBodyTests {
    /// Reads a page that repeats a text, and returns what it took.
    private func read(
        _ text: String, times: Int, before: String = "", after: String = "",
        contentType: String? = nil
    ) throws -> (reading: Reading, grownBytes: Int, time: Duration) {
        let perPiece = max(65_536 / text.utf8.count, 1)
        let piece = Array(String(repeating: text, count: perPiece).utf8)
        let rest = Array(String(repeating: text, count: times % perPiece).utf8)
        let pieces =
            [Array(before.utf8)] + Array(repeating: piece, count: times / perPiece)
            + [rest, Array(after.utf8)]
        let start = try residentBytes()
        let begin = processorTime()
        let reader = LinkReader(url: pageURL, contentType: contentType, by: ParsedURL())
        var most = start
        for piece in pieces {
            piece.withUnsafeBytes { reader.feed($0) }
            most = max(most, try residentBytes())
        }
        var reading = Reading()
        reading.page = reader.finish { reading.links.append($0) }
        return (reading, most - start, processorTime() - begin)
    }

    /// Time of the processor, which other programs have no part in.
    private func processorTime() -> Duration { .microseconds(Int(clock())) }

    private func residentBytes() throws -> Int {
        let text = String(decoding: contents(of: "/proc/self/statm"), as: UTF8.self)
        let pages = try #require(text.split(separator: " ").dropFirst().first.flatMap { Int($0) })
        return pages * 4096
    }

    /// 100 MB of what a page may be made of. The bound is an order of magnitude above what a debug
    /// build takes.
    @Test(arguments: [
        ("some text, some more of it, and no end ", "", ""), ("x", "<a href='", "'>"),
        ("x", "<!--", "-->"), ("- ", "<!--", "-->"), ("x", "<script>", "</script>"),
        ("x", "<title>", "</title>"), ("x", "<svg><![CDATA[", "]]></svg>"), ("x", "<?", ">"),
        (
            "<p class='a long enough name of a class, or several of them' data-x=\"and some data\">",
            "", ""
        ),
    ])
    func takesNoMemoryForThePage(text: String, before: String, after: String) throws {
        let bytes =
            text == "- " || text == "x" && before.contains("CDATA") ? 10_000_000 : 100_000_000
        let result = try read(
            text, times: bytes / text.utf8.count, before: before, after: after + "<a href=end>")
        #expect(result.reading.short == ["http://h.test/dir/end"])
        #expect(result.grownBytes < 8 << 20, "\(result.grownBytes) bytes more")
        #expect(result.time < .seconds(60), "\(result.time)")
    }

    @Test(arguments: [
        ("<b>", "</i>"), ("<div>", "</div>"), ("<a x>", "</p>"), ("<svg>", "</svg>"),
        ("<foo>", "</bar>"), ("<table><tr><td>", "</table>"), ("<!--", "-->"),
        ("<script><!--<script>", "</script>"),
        ("<a b", ">"), ("&", ";"), ("<", ">"), ("</", ">"), ("<title>", "</title>"),
        ("<a href=&amp", ">"),
    ])
    func takesNoTimeForDepth(open: String, close: String) throws {
        let count = 1_000_000
        let closers = String(repeating: close, count: count)
        let result = try read(
            open, times: count, after: closers + "-->\">'></script></title><a href=end>")
        #expect(result.reading.page.links <= 2)
        #expect(result.grownBytes < 48 << 20, "\(result.grownBytes) bytes more")
        #expect(result.time < .seconds(60), "\(result.time)")
    }

    @Test func countsWhatIsCutOff_ofAMillionLinks() throws {
        let start = try residentBytes()
        let begin = processorTime()
        let reader = LinkReader(url: pageURL, by: ParsedURL())
        for number in 0..<1_000_000 {
            Array("<a href='/items/\(number)?page=1&amp;sort=name'>".utf8).withUnsafeBytes {
                reader.feed($0)
            }
        }
        var count = 0
        let page = reader.finish { _ in count += 1 }
        let grown = try residentBytes() - start
        #expect(count == 100_000)
        #expect(page.links == 100_000)
        #expect(page.cutOff == 900_000)
        #expect(grown < 64 << 20, "\(grown) bytes more")
        #expect(processorTime() - begin < .seconds(120))
    }

    /// Host names that have no form in ASCII leave nothing behind.
    @Test func freesHostsThatAreNone() throws {
        guard let resolver = URLResolver(base: pageURL, by: ParsedURL()) else {
            Issue.record("no base")
            return
        }
        let reference = Array(("http://" + String(repeating: "\u{FFFD}", count: 80) + "/").utf8)
        for _ in 0..<1000 { #expect(resolver.resolve(reference) == .invalid) }
        // The heap may grow by itself, but not each time.
        let grown = try (0..<4).map { _ in
            let start = try residentBytes()
            for _ in 0..<20_000 { _ = resolver.resolve(reference) }
            return try residentBytes() - start
        }
        #expect(try #require(grown.min()) < 2 << 20)
    }

    @Test(arguments: ["utf-16le", "iso-2022-jp", "shift_jis", "gb18030", "big5", "utf-8"])
    func readsBrokenTextInAnySize(charset: String) throws {
        let result = try read(
            "\u{1B}$B\u{FFFD}\u{1B}(B<a href='/\u{80}\u{10FFFF}'>", times: 50_000,
            contentType: "text/html; charset=\(charset)")
        #expect(result.grownBytes < 16 << 20, "\(result.grownBytes) bytes more")
        #expect(result.time < .seconds(60), "\(result.time)")
    }

    @Test(arguments: ["/items/*/id", "/next", "/items/5", ""])
    func findsInLargeJSON(pointer: String) throws {
        let item =
            #"{"id": 12345678901234567890, "name": "a name", "tags": ["x", {"y": [1, 2.5e3]}]},"#
        let count = 50_000_000 / item.utf8.count
        var body = Array(#"{"items": ["#.utf8)
        body.reserveCapacity(60_000_000)
        for _ in 0..<count { body += item.utf8 }
        body += Array(#"null], "next": "n"}"#.utf8)
        let start = try residentBytes()
        let begin = processorTime()
        var found = 0
        let counts = try body.withUnsafeBytes {
            try JSONPointer(pointer).find(in: $0) { _ in found += 1 }
        }
        #expect(found == counts.texts)
        #expect(counts.texts == (pointer == "/next" ? 1 : pointer == "/items/*/id" ? 100_000 : 0))
        #expect(counts.cutOff == (pointer == "/items/*/id" ? count - 100_000 : 0))
        #expect(try residentBytes() - start < 8 << 20)
        #expect(processorTime() - begin < .seconds(120))
    }
}
