import Runner
import Testing

@testable import Links

@Suite struct LinkFieldTests {
    private func next(_ values: String...) -> [String] {
        LinkField.targets(
            of: "next", in: values.map { Array($0.utf8) }, url: "http://h.test/d/p?q",
            by: ParsedURL())
    }

    @Test(arguments: [
        ("<x>; rel=next", ["x"]), ("<x>;rel=\"next\"", ["x"]), ("<x> ; rel = next", ["x"]),
        ("<x>; REL=NEXT", ["x"]), ("<x>; rel=\"prev next\"", ["x"]),
        ("<x>; rel=\"prev\tnext\"", ["x"]),
        ("<x>; rel=nexts", []), ("<x>; rel=\"http://r.test/next\"", []), ("<x>", []),
        ("<x>; rel=prev, <y>; rel=next", ["y"]), ("<x>; rel=next, <y>; rel=next", ["x", "y"]),
        ("<x>; rel=next,<x>; rel=next", ["x"]), ("<x,y>; rel=next", ["x,y"]),
        ("<x;rel=next>; rel=prev", []), ("<x?a=b;c>; rel=next", ["x?a=b;c"]),
        ("<x>; title=\"a, <y>; rel=next\"; rel=prev", []),
        ("<x>; title=\"a\\\"; rel=prev\"; rel=next", ["x"]),
        ("<x>; rel=prev; rel=next", []), ("<x>; rel=next; rel=prev", ["x"]),
        ("<x>; rel=next; anchor=\"/z\"", []), ("<x>; rev=next", []), ("<x>; rel", []),
        ("<x>; rel=", []),
        ("<x>;; rel=next", ["x"]), ("<x>; crossorigin; rel=next", ["x"]),
        (",,<x>; rel=next,,", ["x"]),
        ("<x>; rel=next;", ["x"]), ("x; rel=next", []),
        ("x; t=\"<y>; rel=next,\", <z>; rel=next", ["z"]),
        ("<x; rel=next", []), ("<>; rel=next", ["p?q"]), ("<#f>; rel=next", ["p?q"]), ("", []),
        ("<", []),
        ("<x>; rel=\"next", ["x"]), ("<x>; rel=\"ne\\xt\"", ["x"]),
        ("<x>; rel=next; title*=UTF-8''a%2C", ["x"]),
        ("<x>; rel=\"next\" <y>; rel=next", ["x"]), ("<mailto:x>; rel=next", []),
        ("< x >; rel=next", ["x"]),
    ])
    func findsTargets(value: String, expected: [String]) {
        #expect(next(value) == expected.map { "http://h.test/d/\($0)" })
    }

    @Test func readsSeveralFields() {
        #expect(
            next("<x>; rel=prev", "<y>; rel=next", "</z>; rel=next").map { $0.suffix(2) } == [
                "/y", "/z",
            ])
        let github = """
            <https://api.h.test/repositories/1300192/issues?page=4>; rel="prev", \
            <https://api.h.test/repositories/1300192/issues?page=6>; rel="next", \
            <https://api.h.test/repositories/1300192/issues?page=1>; rel="first"
            """
        #expect(next(github) == ["https://api.h.test/repositories/1300192/issues?page=6"])
    }

    @Test func hasABound() {
        let value = (0..<1500).map { "<\($0)>; rel=next" }.joined(separator: ",")
        #expect(next(value).count == LinkField.targetsMax)
    }

    @Test func takesAnyBytes() {
        #expect(
            LinkField.targets(
                of: "next", in: [[0x3C, 0xFC, 0x3E] + Array(";rel=next".utf8)],
                url: "http://h.test/", by: ParsedURL()) == ["http://h.test/%C3%BC"])
        #expect(
            LinkField.targets(
                of: "next", in: [[0, 0xFF, 0x22, 0x3C]], url: "http://h.test/", by: ParsedURL()
            )
            .isEmpty)
        #expect(
            LinkField.targets(
                of: "next", in: [Array("<x>;rel=next".utf8)], url: "x", by: ParsedURL()
            ).isEmpty)
    }
}
