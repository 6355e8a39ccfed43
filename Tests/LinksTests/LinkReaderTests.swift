import TestSupport
import Testing

@testable import Links

@Suite struct LinkReaderTests {
    @Test(arguments: [
        ("<a href=x>", ["http://h.test/dir/x"]), ("<a href=?r=2>", ["http://h.test/dir/page?r=2"]),
        ("<base href=/b/><a href=x>", ["http://h.test/b/x"]),
        ("<a href=x><base href=/b/>", ["http://h.test/b/x"]),
        ("<base href=//g.test><a href=x>", ["http://g.test/x"]),
        ("<base target=_top><base href=/b/><base href=/c/><a href=x>", ["http://h.test/b/x"]),
        ("<base href='data:,x'><a href=x>", ["http://h.test/dir/x"]),
        ("<base href='http://'><a href=x>", ["http://h.test/dir/x"]),
        ("<base href=b/><base href=/c/><a href=/x>", ["http://h.test/x"]),
        ("<base href><a href=x>", ["http://h.test/dir/x"]),
        ("<base href='https://g.test/y'><a href=x>", ["https://g.test/x"]),
        // The page itself is known.
        ("<a href=''><a href=#f><a href=page?q=1><a href='page?q=1#f'>", []),
        ("<base href=/b/><a href=''><a href=#f>", ["http://h.test/b/"]),
    ])
    func resolvesByBase(page: String, expected: [String]) {
        #expect(reading(page).short == expected)
    }

    @Test func reportsCanonicalApart() {
        let page = "<link rel=canonical href='../c#x'><link rel=canonical href=/d><a href=x>"
        #expect(reading(page).page.canonical == "http://h.test/c")
        #expect(reading(page).short == ["http://h.test/dir/x"])
        #expect(reading("<link rel=canonical href=mailto:x>").page.canonical == nil)
        #expect(reading("<link rel=canonical>").page.canonical == nil)
        #expect(
            reading("<base href=/b/><link rel=canonical href=c>").page.canonical
                == "http://h.test/b/c")
    }

    @Test(arguments: [
        ("<meta name=robots content=nofollow>", true),
        ("<META NAME='ROBOTS' CONTENT='noindex,NoFollow'>", true),
        ("<meta content='none' name=robots>", true), ("<meta name=runner content=nofollow>", true),
        ("<meta name='robots' content='index, follow'>", false),
        ("<meta name=robots content=noindex>", false),
        ("<meta name=googlebot content=none>", false),
        ("<meta name=robots content=nofollowing>", false), ("<meta name=robots>", false),
        ("<meta content=nofollow>", false), ("<meta property=robots content=nofollow>", false),
        ("<meta name=robots content=index><meta name=runner content=none>", true),
    ])
    func honoursMeta(meta: String, expected: Bool) {
        for page in ["\(meta)<a href=x>", "<a href=x>\(meta)"] {
            let reading = reading(page)
            #expect(reading.page.isNofollow == expected)
            #expect(reading.links.map(\.isNofollow) == [expected])
        }
    }

    @Test(arguments: [
        ("nofollow", true), ("NOFOLLOW", true), ("noopener nofollow", true),
        ("nofollow,ugc", true), ("ugc", false), ("sponsored", false), ("follow", false),
        ("external", false), ("", false),
    ])
    func honoursRel(rel: String, expected: Bool) {
        #expect(reading("<a rel='\(rel)' href=x>").links.map(\.isNofollow) == [expected])
    }

    @Test func handsOutEachLinkOnce() {
        let page = """
            <a href=x><a href=x><a href='x#f'><a href=./x><a href=%78><a href=HTTP://H.test:80/dir/x>
            <a href=y rel=nofollow><a href=z rel=nofollow><a href=y><a href='z'><a href=z rel=next>
            <a href=w rel=nofollow><a href=mailto:m><a href='http://'><a href=JavaScript:void(0)>
            """
        let reading = reading(page)
        #expect(
            reading.short == [
                "http://h.test/dir/x", "http://h.test/dir/y", "http://h.test/dir/z next",
                "http://h.test/dir/w nofollow",
            ])
        #expect(reading.page.links == 4)
        #expect(reading.page.duplicates == 8)
        #expect(reading.page.otherSchemes == 2)
        #expect(reading.page.invalid == 1)
    }

    @Test func cutsOffPastBounds() {
        let page = (0..<10).map { "<a href=\($0)><a href=\($0)>" }.joined()
        let few = reading(Array(page.utf8), bounds: LinkBounds(linksMax: 3))
        #expect(few.short == (0..<3).map { "http://h.test/dir/\($0)" })
        #expect(few.page.duplicates == 3)
        #expect(few.page.cutOff == 14)
        let short = reading(Array(page.utf8), bounds: LinkBounds(textBytesMax: 4))
        #expect(short.links.count == 4)
        #expect(reading(Array(page.utf8), bounds: LinkBounds(linksMax: 0)).page.cutOff == 20)
        let text = String(repeating: "x", count: Tag.valueBytesMax)
        #expect(reading("<a href=\(text)>").page.links == 1)
        #expect(reading("<a href=\(text)x><a href=y>").page.invalid == 1)
        #expect(reading("<a href=\(text)x><a href=y>").page.links == 1)
    }

    @Test func hasNoLinks_whenURLIsNone() {
        let reading = reading("<a href=x><a href=http://h.test/>", at: "ftp://h.test/")
        #expect(reading.links.isEmpty)
        #expect(reading.page.invalid == 2)
    }

    /// Cuts pages anywhere, and expects the same.
    @Test func doesNotMatterWhereBytesAreCut() {
        let seed = testSeed(for: "doesNotMatterWhereBytesAreCut")
        var generator = SeededGenerator(seed: seed)
        let parts = [
            "<a href=x1>", "<a href='y&amp;é'>", "</a>", "<!-- <a href=n> -->", "<!---->", "<!",
            "--", ">",
            "<script>", "</script>", "<!--", "-->", "<script", "<title>", "</title >", "<svg>",
            "<![CDATA[", "]]>", "</svg>", "<textarea>", "</textarea/>", "<style>", "</style>",
            "<meta charset=windows-1251>", "<base href=/b>", "<a href=\"z", "\"", "'", "=", " ",
            "/",
            "<", "x", "&#", "\n", "<link rel=next href=n>", "<meta name=robots content=none>",
            "<a rel=nofollow href=\u{430}>", "\u{1B}$B", "\u{1B}(B", "<meta charset=iso-2022-jp>",
            "<math>", "<p>", "<foreignObject>", "</foreignObject>", "<plaintext", "<a/href=q>",
        ]
        for _ in 0..<4000 {
            let page = (0..<Int.random(in: 1...30, using: &generator)).map { _ in
                parts.randomElement(using: &generator)!
            }.joined()
            var bytes = Array(page.utf8)
            let type = [nil, "text/html; charset=utf-16le", "text/html;charset=iso-2022-jp"]
                .randomElement(using: &generator)!
            if type?.hasSuffix("le") == true { bytes = bytes.flatMap { [$0, 0] } }
            if Bool.random(using: &generator) {
                bytes[bytes.count / 2] = .random(in: 0...255, using: &generator)
            }
            let whole = reading(bytes, contentType: type)
            let cuts = (0..<Int.random(in: 1...20, using: &generator)).map { _ in
                Int.random(in: 0...bytes.count, using: &generator)
            }.sorted()
            #expect(
                reading(bytes, contentType: type, cuts: cuts) == whole, "\(page.debugDescription)")
            let each = Array(0...bytes.count)
            #expect(
                reading(bytes, contentType: type, cuts: each) == whole, "\(page.debugDescription)")
        }
    }
}
