import Testing

@testable import Lists

@Suite struct SitemapTests {
    private let file = ListFile()

    private func urlset(_ content: String) -> String {
        """
        <?xml version="1.0" encoding="UTF-8"?>
        <urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
        \(content)</urlset>

        """
    }

    @Test(arguments: [
        ("", []), ("<url><loc>u</loc></url>", ["u|-|-|-"]),
        (
            "<url><loc>u</loc><lastmod>2024</lastmod><changefreq>daily</changefreq><priority>0.5</priority></url>",
            ["u|2024|daily|0.5"]
        ),
        ("<url><priority>1</priority><loc>u</loc></url>", ["u|-|-|1"]),
        ("<url>\n<loc>\n\t u \r\n</loc>\n</url>", ["u|-|-|-"]),
        (
            "<url><loc>a?b=1&amp;c=2&lt;&gt;&quot;&apos;&#65;&#x42;</loc></url>",
            ["a?b=1&c=2<>\"'AB|-|-|-"]
        ),
        ("<url><loc><![CDATA[a&b]]></loc></url>", ["a&b|-|-|-"]),
        ("<url><loc>a<!-- x -->b</loc></url>", ["ab|-|-|-"]),
        ("<url><loc>é😀</loc></url>", ["é😀|-|-|-"]),
        ("<url><loc>u</loc><lastmod/></url>", ["u||-|-"]),
        (
            "<url><loc>u</loc><image:image xmlns:image='i'><image:loc>i</image:loc></image:image></url>",
            ["u|-|-|-"]
        ),
        ("<url><x><loc>i</loc></x><loc>u</loc></url>", ["u|-|-|-"]),
        ("<url><loc>u<b>x</b></loc></url>", ["u|-|-|-"]),
        ("<s:url xmlns:s='x'><s:loc>u</s:loc></s:url>", ["u|-|-|-"]),
        ("<x><loc>i</loc></x><url><loc>u</loc></url>", ["u|-|-|-"]),
        ("<sitemap><loc>i</loc></sitemap>", []),
        ("<url></url>", ["!missingMember@3"]), ("<url/>", ["!missingMember@3"]),
        ("<url><loc> </loc></url>", ["!missingMember@3"]),
        ("<url><lastmod>1</lastmod></url>", ["!missingMember@3"]),
        (
            "\n<url><loc>a</loc><loc>b</loc></url>\n<url><loc>c</loc></url>",
            ["!duplicateMember@4", "c|-|-|-"]
        ),
        (
            "<url><loc>a</loc></url><url><loc>b</loc></url><url><lastmod>1</lastmod><loc>c</loc></url>",
            ["a|-|-|-", "b|-|-|-", "c|1|-|-"]
        ),
    ])
    func reads(content: String, expected: [String]) {
        let reading = file.reading(urlset(content), .sitemap)
        #expect(reading.short == expected)
        #expect(reading.code == nil)
        #expect(reading.columns == ["loc", "lastmod", "changefreq", "priority"])
        #expect(reading.entries.allSatisfy { !$0.isSitemap })
        file.checkResuming(reading, .sitemap)
    }

    @Test func indexGivesSitemapsToFollow() {
        let reading = file.reading(
            "<sitemapindex>\n<sitemap><loc>a</loc></sitemap>\n<sitemap><loc>b</loc>"
                + "<lastmod>2024</lastmod></sitemap><url><loc>x</loc></url></sitemapindex>", nil)
        #expect(reading.short == ["a|-|-|-", "b|2024|-|-"])
        #expect(reading.entries.allSatisfy { $0.isSitemap })
        #expect(reading.entries.map(\.line) == [2, 3])
        file.checkResuming(reading, .sitemap)
    }

    @Test(arguments: [
        ("", "no element found"), ("<urlset>", "no element found"), ("x", "line 1, column 1"),
        ("<urlset><url><loc>a</loc></url>", "no element found"),
        ("<urlset>\n<url><loc>a</loc></urls></urlset>", "line 2, column 20: mismatched tag"),
        ("<urlset></urlset><urlset/>", "column 18"),
        ("<urlset>&nbsp;</urlset>", "undefined entity"),
        ("<!DOCTYPE urlset SYSTEM 'x'><urlset><url><loc>&e;</loc></url></urlset>", "not declared"),
        ("<html><body/></html>", "root element html"), ("<rss/>", "root element rss"),
        ("<urlset>\u{1}</urlset>", "invalid token"),
        ("<urlset a='1' a='2'/>", "duplicate attribute"),
    ])
    func otherDocuments_areErrors(text: String, word: String) {
        let reading = file.reading(text, .sitemap)
        #expect(reading.code == .malformed)
        #expect(reading.message.contains(word), "\(reading.message)")
    }

    @Test func rowsBeforeAFault_areGiven() {
        let reading = file.reading(
            "<urlset>\n<url><loc>a</loc></url>\n<url><loc>b</loc></url>\n<url><loc>c</url>",
            .sitemap)
        #expect(reading.short == ["a|-|-|-", "b|-|-|-"])
        #expect(reading.message.contains("line 4, column 14"), "\(reading.message)")
    }

    @Test(arguments: [
        "<!DOCTYPE urlset [<!ENTITY a 'b'>]>",
        "<!DOCTYPE urlset [<!ENTITY a 'b'><!ENTITY c '&a;&a;'>]>",
        "<!DOCTYPE urlset [<!ENTITY x SYSTEM 'file:///etc/hostname'>]>",
        "<!DOCTYPE urlset [<!ENTITY % x SYSTEM 'http://127.0.0.1/'> %x;]>", "<!DOCTYPE urlset []>",
        "<!DOCTYPE urlset [<!ELEMENT urlset ANY>]>",
        "<!DOCTYPE urlset SYSTEM 'x' [<!ENTITY a 'b'>]>",
    ])
    func declarations_areRefused(declaration: String) {
        let reading = file.reading(
            declaration + "<urlset><url><loc>u</loc></url></urlset>", .sitemap)
        #expect(reading.code == .malformed)
        #expect(reading.entries.isEmpty)
        #expect(reading.message.contains("declares entities"), "\(reading.message)")
    }

    @Test func doctypeWithoutDeclarations_isTaken() {
        let reading = file.reading(
            "<!DOCTYPE urlset SYSTEM 'x'><urlset><url><loc>u</loc></url></urlset>", .sitemap)
        #expect(reading.short == ["u|-|-|-"])
    }

    @Test func boundsHold() {
        let options = ListOptions(rowBytesMax: 3000)
        func loc(_ count: Int) -> String {
            "<url><loc>\(String(repeating: "x", count: count))</loc></url>"
        }
        let reading = file.reading(
            urlset(loc(3000) + loc(3001) + loc(300_000) + loc(1)), .sitemap, options)
        #expect(reading.entries.map(\.reason) == [nil, .tooLong, .tooLong, nil])
        #expect(reading.entries[0].fields[0]?.count == 3000)
        for (depth, code) in [(63, nil), (64, ListError.Code.malformed)] {
            let nested =
                String(repeating: "<x>", count: depth) + String(repeating: "</x>", count: depth)
            #expect(file.reading(urlset(nested), .sitemap).code == code)
        }
    }

    @Test func tagWithoutEnd_isNotKeptForever() {
        // A hundred times what a row may have.
        let text = "<urlset><url a='" + String(repeating: "x", count: 1 << 20)
        let reading = file.reading(
            Array(text.utf8), .sitemap, ListOptions(rowBytesMax: 10_000), sizes: [65536])
        #expect(reading.code == .malformed)
        #expect(reading.message.contains("more than 10000 bytes"), "\(reading.message)")
    }

    @Test func encodings() {
        let utf16 = Array("\u{FEFF}<urlset><url><loc>é😀</loc></url></urlset>".utf16)
        let little = utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
        let big = utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
        for bytes in [little, big] {
            let reading = file.reading(bytes, .sitemap)
            #expect(reading.short == ["é😀|-|-|-"])
            file.checkResuming(reading, .sitemap)
        }
        let latin =
            Array("<?xml version='1.0' encoding='ISO-8859-1'?><urlset><url><loc>".utf8)
            + [0xE9] + Array("</loc></url></urlset>".utf8)
        #expect(file.reading(latin, .sitemap).short == ["é|-|-|-"])
        let other = "<?xml version='1.0' encoding='windows-1252'?><urlset/>"
        #expect(file.reading(other, .sitemap).code == .encoding)
        let broken = Array("<urlset><url><loc>".utf8) + [0xFF] + Array("</loc></url></urlset>".utf8)
        #expect(file.reading(broken, .sitemap).code == .malformed)
        let marked = "\u{FEFF}<urlset><url><loc>u</loc></url></urlset>"
        #expect(file.reading(marked, nil).short == ["u|-|-|-"])
    }

    @Test func compressedSitemap() {
        let text = urlset("<url><loc>a</loc></url>\n<url><loc>b</loc></url>\n")
        let reading = file.reading(Streams.gzip(Array(text.utf8)), nil)
        #expect(reading.short == ["a|-|-|-", "b|-|-|-"])
        file.checkResuming(reading, .sitemap)
    }
}
