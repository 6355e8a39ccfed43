import Testing

@testable import Links

@Suite struct CharsetTests {
    @Test(arguments: [
        ("text/html; charset=utf-8", "utf-8"), ("text/html;CHARSET=\"UTF-8\"", "utf-8"),
        ("text/html; charset='latin1'", "windows-1252"),
        ("text/html; charset = sjis ;x", "shift_jis"),
        ("charset charset=gb2312", "gbk"), ("text/html; x-charset=koi8-r", "koi8-r"),
        ("text/html", nil), ("text/html; charset=", nil), ("text/html; charset=nope", nil),
        ("text/html; charset=\"utf-8", nil), ("text/html; charset=utf-7", nil),
    ])
    func readsContentTypes(type: String, expected: String?) {
        #expect(Charset(contentType: type.utf8)?.name == expected)
    }

    /// Letters as each character set writes them.
    @Test(
        arguments: [
            ("utf-8", [0xC3, 0xBC], "%C3%BC", "%C3%BC"), ("iso-8859-1", [0xFC], "%C3%BC", "%FC"),
            ("windows-1251", [0xFF], "%D1%8F", "%FF"), ("koi8-r", [0xD1], "%D1%8F", "%D1"),
            ("iso-8859-5", [0xEF], "%D1%8F", "%EF"), ("ibm866", [0xEF], "%D1%8F", "%EF"),
            ("x-mac-cyrillic", [0xDF], "%D1%8F", "%DF"), ("macintosh", [0x9F], "%C3%BC", "%9F"),
            ("shift_jis", [0x83, 0x5C], "%E3%82%BD", "%83\\"),
            ("euc-jp", [0xA5, 0xBD], "%E3%82%BD", "%A5%BD"),
            ("gbk", [0xA7, 0xF1], "%D1%8F", "%A7%F1"),
            ("gb18030", [0xA7, 0xF1], "%D1%8F", "%A7%F1"),
            ("big5", [0xA4, 0x40], "%E4%B8%80", "%A4@"),
            ("euc-kr", [0xAC, 0xF1], "%D1%8F", "%AC%F1"),
            ("windows-874", [0xA1], "%E0%B8%81", "%A1"), ("iso-8859-8-i", [0xE0], "%D7%90", "%E0"),
            ("windows-1258", [0xFC], "%C3%BC", "%FC"), ("iso-8859-16", [0xFC], "%C3%BC", "%FC"),
        ] as [(String, [UInt8], String, String?)])
    func decodes(label: String, bytes: [UInt8], path: String, query: String?) {
        let link = Array("<a href='/".utf8) + bytes + Array("?".utf8) + bytes + Array("'>".utf8)
        for page in [
            reading(link, at: "http://h.test/", contentType: "text/html; charset=\(label)"),
            reading(Array("<meta charset=\(label)>".utf8) + link, at: "http://h.test/"),
            reading(
                Array("<meta http-equiv=Content-Type content='x; charset=\(label)'>".utf8) + link,
                at: "http://h.test/"),
        ] {
            #expect(page.links.count == 1)
            let url = page.links.first?.url ?? ""
            #expect(url.hasPrefix("http://h.test/\(path)?"), "\(url)")
            if let query { #expect(url.hasSuffix("?\(query)"), "\(url)") }
        }
    }

    /// Every label is of a character set that the system has.
    @Test func knowsEveryLabel() {
        var names: Set<String> = []
        for line in PackageResources.labels_txt.split(separator: 0x0A) {
            for label in line.split(separator: 0x20).dropFirst() {
                guard let charset = Charset(label: label) else {
                    Issue.record("\(String(decoding: label, as: UTF8.self))")
                    continue
                }
                names.insert(charset.name)
                #expect(
                    PageInflow(charset).charset.flatMap(TextConverter.init) != nil, "\(charset)")
            }
        }
        #expect(names.count == 38)
    }

    @Test func guesses_whenNothingIsTold() {
        #expect(reading(Array("<a href=/\u{FC}>".utf8)).short == ["http://h.test/%C3%BC"])
        #expect(
            reading(Array("<a href=/".utf8) + [0xFC, 0x80, 0x3E]).short == [
                "http://h.test/%C3%BC%E2%82%AC"
            ])
    }

    @Test func prefersMarkToFieldToMeta() {
        let link = Array("<a href=/".utf8) + [0xC3, 0xBC, 0x3E]
        let meta = Array("<meta charset=windows-1251>".utf8)
        let asUTF8 = ["http://h.test/%C3%BC"]
        let asCyrillic = ["http://h.test/%D0%93%D1%98"]
        #expect(reading(meta + link).short == asCyrillic)
        #expect(reading(meta + link, contentType: "x;charset=utf-8").short == asUTF8)
        #expect(reading([0xEF, 0xBB, 0xBF] + meta + link).short == asUTF8)
        #expect(
            reading([0xEF, 0xBB, 0xBF] + link, contentType: "x;charset=cp1251").short == asUTF8)
        #expect(reading(Array("<meta charset=nope>".utf8) + meta + link).short == asCyrillic)
        #expect(reading(meta + Array("<meta charset=utf-8>".utf8) + link).short == asCyrillic)
        #expect(reading(Array("<meta charset=utf-16>".utf8) + link).short == asUTF8)
        #expect(reading(link, contentType: "x;charset=nope").short == asUTF8)
    }

    @Test(arguments: [true, false])
    func readsUTF16(isBigEndian: Bool) {
        let units = Array("<a href='/\u{FC}\u{1F600}'><a href='/x'>".utf16)
        let bytes = units.flatMap { unit -> [UInt8] in
            let (high, low) = (UInt8(unit >> 8), UInt8(unit & 0xFF))
            return isBigEndian ? [high, low] : [low, high]
        }
        let expected = ["http://h.test/%C3%BC%F0%9F%98%80", "http://h.test/x"]
        let mark: [UInt8] = isBigEndian ? [0xFE, 0xFF] : [0xFF, 0xFE]
        #expect(reading(mark + bytes).short == expected)
        #expect(reading(mark + bytes, contentType: "text/html;charset=utf-8").short == expected)
        let type = isBigEndian ? "x;charset=utf-16be" : "x;charset=utf-16"
        #expect(reading(bytes, contentType: type).short == expected)
        // Half a character, and half a pair.
        #expect(reading(mark + bytes + [0]).short == expected)
        let broken: [UInt8] = isBigEndian ? [0xD8, 0] : [0, 0xD8]
        #expect(reading(mark + broken + bytes).short == expected)
    }

    @Test func readsISO2022JP() {
        // Within the two bytes of each character stand `<`, `>` and quotes.
        let kanji: [UInt8] = [0x1B, 0x24, 0x42, 0x3C, 0x3E, 0x25, 0x3D, 0x1B, 0x28, 0x42]
        let page = Array("<a href='/".utf8) + kanji + Array("'><a href=/x>".utf8)
        let expected = ["http://h.test/%E6%B9%BF%E3%82%BD", "http://h.test/x"]
        #expect(reading(page, contentType: "x;charset=iso-2022-jp").short == expected)
        #expect(reading(Array("<meta charset=iso-2022-jp>".utf8) + page).short == expected)
        // An escape that is none.
        let stray = Array("<a href=/x\u{1B}(Zy>".utf8)
        #expect(
            reading(stray, contentType: "x;charset=iso-2022-jp").short == ["http://h.test/x(Zy"])
    }

    /// Broken text in every character set: the links around it are found, and so is the broken one.
    @Test func neverFailsOnBrokenText() throws {
        var random: UInt64 = 1
        for line in PackageResources.labels_txt.split(separator: 0x0A) {
            let name = String(decoding: line.prefix { $0 != 0x3A }, as: UTF8.self)
            guard !name.hasPrefix("utf-16"), name != "iso-2022-jp" else { continue }
            for _ in 0..<200 {
                var noise: [UInt8] = []
                for _ in 0..<20 {
                    random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                    noise.append(UInt8(random >> 56) | 0x80)
                }
                let page =
                    Array("<a href=/a>".utf8) + noise + Array("<p>".utf8)
                    + Array("<a href='/b".utf8)
                    + noise + Array("'><a href=/c>".utf8)
                let urls = reading(page, contentType: "x;charset=\(name)").short
                #expect(urls.count == 3, "\(name) \(noise)")
                #expect(urls.first == "http://h.test/a" && urls.last == "http://h.test/c")
            }
        }
    }
}
