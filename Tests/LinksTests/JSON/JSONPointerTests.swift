import TestSupport
import Testing

@testable import Links

@Suite struct JSONPointerTests {
    private static let rfc = """
        {"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\\\j": 5,
         "k\\"l": 6, " ": 7, "m~n": 8}
        """

    private func find(
        _ pointer: String, _ body: some Collection<UInt8>, textsMax: Int = 1000
    ) throws -> (texts: [JSONText], counts: JSONTextCounts) {
        var texts: [JSONText] = []
        let pointer = try JSONPointer(pointer)
        let counts = try Array(body).withUnsafeBytes {
            try pointer.find(in: $0, textsMax: textsMax) { texts.append($0) }
        }
        return (texts, counts)
    }

    /// RFC 6901, 5.
    @Test(arguments: [
        ("/foo/0", "bar"), ("/", "0"), ("/a~1b", "1"), ("/c%d", "2"), ("/e^f", "3"), ("/g|h", "4"),
        ("/i\\j", "5"), ("/k\"l", "6"), ("/ ", "7"), ("/m~0n", "8"),
    ])
    func findsByPointer(pointer: String, expected: String) throws {
        #expect(try find(pointer, Self.rfc.utf8).texts.map(\.text) == [expected])
    }

    @Test(arguments: [
        ("", "\"x\"", ["x"]), ("", "12", ["12"]), ("", " 1e3 ", ["1e3"]), ("", "{}", []),
        ("/a", "{\"a\":\"x\"}", ["x"]), ("/a", "{\"b\":\"x\"}", []), ("/a", "[\"x\"]", []),
        ("/a", "\"a\"", []), ("/0", "[\"x\",\"y\"]", ["x"]), ("/1", "[\"x\",\"y\"]", ["y"]),
        ("/2", "[\"x\",\"y\"]", []), ("/-", "[1]", []), ("/01", "[1,2]", []),
        ("/0", "{\"0\":1}", ["1"]),
        ("/01", "{\"01\":1}", ["1"]), ("/99999999999999999999", "[1]", []),
        ("/*", "[1,\"a\",2.50]", ["1", "a", "2.50"]), ("/*", "{\"*\":1,\"b\":2}", ["1"]),
        ("/*", "[]", []),
        ("/items/*/id", "{\"items\":[{\"id\":1},{\"x\":0},{\"id\":\"2\"},3,null]}", ["1", "2"]),
        ("/*/*", "[[1,2],[],[3]]", ["1", "2", "3"]), ("/a/b/c", "{\"a\":{\"b\":{\"c\":7}}}", ["7"]),
        ("/a", "{\"a\":12345678901234567890}", ["12345678901234567890"]),
        ("/a", "{\"a\":-0.10E+5}", ["-0.10E+5"]), ("/a", "{\"a\":true}", []),
        ("/a", "{\"a\":null}", []),
        ("/a", "{\"a\":[1]}", []), ("/a", "{\"a\":1,\"a\":2}", ["1", "2"]),
        ("/\u{E9}", "{\"\\u00e9\":1}", ["1"]), ("/a", "{\"\\u0061\":1}", ["1"]),
        ("/a", "{\"a\":\"\\ud83d\\ude00\\n\\/\"}", ["😀\n/"]), ("/a/0", "{\"a\":{\"0\":3}}", ["3"]),
        ("/a", "\u{FEFF}{\"a\":1}", ["1"]), ("/~0~1", "{\"~/\":1}", ["1"]),
        ("//", "{\"\":{\"\":1}}", ["1"]),
        ("/aa", "{\"\\u0061a\":1,\"\\u0061\\u0061\\u0061\":2}", ["1"]),
    ])
    func findsTexts(pointer: String, body: String, expected: [String]) throws {
        #expect(try find(pointer, body.utf8).texts.map(\.text) == expected)
    }

    @Test func tellsNumbersFromStrings() throws {
        let found = try find("/*", "[1,\"1\",true,null,{},[]]".utf8)
        #expect(
            found.texts == [
                JSONText(text: "1", isNumber: true), JSONText(text: "1", isNumber: false),
            ])
        #expect(found.counts.texts == 2)
        #expect(found.counts.others == 4)
        let few = try find("/*", "[1,2,3]".utf8, textsMax: 2)
        #expect(few.texts.count == 2)
        #expect(few.counts.cutOff == 1)
    }

    @Test(arguments: [
        ("", 0), ("x", 0), ("{\"a\":}", 5), ("{\"a\":1", 6), ("{\"a\":1}}", 7), ("[1,]", 3),
        ("[1 2]", 3),
        ("{\"a\" 1}", 5), ("{a:1}", 1), ("\"\\x\"", 2), ("[01]", 2), ("\"a\nb\"", 2), ("[1,2", 4),
        ("\u{FEFF}[x]", 4), ("{\"b\":[1,{]}}", 9), ("<html>", 0), ("[tru]", 1), ("-", 1),
    ])
    func tellsWhereJSONEnds(body: String, offset: Int) throws {
        for pointer in ["/a", "", "/*"] {
            do {
                _ = try find(pointer, body.utf8)
                Issue.record("\(body) is taken")
            } catch let fault as JSONBodyFault {
                #expect(fault.offset == offset, "\(pointer) in \(body): \(fault)")
                #expect(fault.description.hasPrefix("is no JSON at byte \(offset): "))
            }
        }
    }

    @Test(arguments: ["a", "a/b", "/~", "/~2", "/a~", "#/a", " /a"])
    func refusesWhatIsNoPointer(text: String) {
        #expect(throws: JSONPointerFault.self) { _ = try JSONPointer(text) }
    }

    @Test func hasBoundsOfDepth() throws {
        #expect(throws: JSONPointerFault.self) {
            _ = try JSONPointer(String(repeating: "/a", count: 65))
        }
        let pointer = String(repeating: "/0", count: 64)
        let nested = String(repeating: "[", count: 64) + "7" + String(repeating: "]", count: 64)
        #expect(try find(pointer, nested.utf8).texts.map(\.text) == ["7"])
        let deep = String(repeating: "[", count: 1_000_000)
        for pointer in ["", "/a", pointer, "/*/*"] {
            #expect(throws: JSONBodyFault.self) { _ = try find(pointer, deep.utf8) }
        }
    }

    @Test func repairsBrokenText() throws {
        let body = Array("{\"a\":\"".utf8) + [0xFF, 0x61] + Array("\"}".utf8)
        #expect(try find("/a", body).texts.map(\.text) == ["\u{FFFD}a"])
    }

    /// Random bytes at random places: it ends, with an error or without.
    @Test func endsOnAnything() {
        let seed = testSeed(for: "endsOnAnything")
        var generator = SeededGenerator(seed: seed)
        let body = Array(
            "{\"items\":[{\"id\":1,\"u\":\"a\\u00e9\\n\"},{\"id\":-2.5e3}],\"n\":null}".utf8)
        for _ in 0..<20_000 {
            var broken = body
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                broken[Int.random(in: 0..<broken.count, using: &generator)] =
                    "{}[]\",:\\u0019eE+-. \u{1}\u{FF}".utf8.randomElement(using: &generator)!
            }
            if Bool.random(using: &generator) {
                broken.removeLast(Int.random(in: 0..<broken.count, using: &generator))
            }
            for pointer in ["", "/items/*/id", "/items/1", "/n"] { _ = try? find(pointer, broken) }
        }
    }
}
