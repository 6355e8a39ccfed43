import Testing

@testable import JobStore

@Suite struct TextTemplateTests {
    private func template(_ text: String, _ names: Set<String> = ["id"]) -> TextTemplate {
        TextTemplate(text.utf8, names: names)
    }

    @Test(arguments: [
        ("{id}", "7"), ("a{id}b{id:03}c", "a7b007c"), ("{}", "{}"), ("{x}{id}", "{x}7"),
        (#"{"id":{id}}"#, #"{"id":7}"#), ("{{id}}", "{7}"), ("{id", "{id"), ("id}", "id}"),
        ("", ""), ("{id:0}", "{id:0}"), ("{id:x}", "{id:x}"), ("{id:019}", "0000000000000000007"),
        ("{id:020}", "{id:020}"), ("{ id }", "{ id }"), ("ü{id}ü", "ü7ü"),
    ])
    func knownPlaceholders_areReplaced_andNothingElse(text: String, expected: String) {
        #expect(String(decoding: template(text).text(for: 7), as: UTF8.self) == expected)
    }

    @Test func text_isNoShorterThanTheNumber() {
        #expect(template("{id:02}").text(for: .max) == Array("\(Int.max)".utf8))
    }

    @Test func split_keepsPlaceholdersInPlace() {
        let (before, behind) = template("/a{id}?b={id:02}&c={id}").split(at: UInt8(ascii: "?"))
        #expect(String(decoding: before.text(for: 5), as: UTF8.self) == "/a5")
        #expect(behind.map { String(decoding: $0.text(for: 5), as: UTF8.self) } == "b=05&c=5")
        #expect(template("/{id}").split(at: UInt8(ascii: "?")).1 == nil)
    }

    @Test func mapTexts_leavesPlaceholdersAlone() {
        let upper = template("a{id}b").mapTexts { $0 + [UInt8(ascii: "!")] }
        #expect(String(decoding: upper.text(for: 1), as: UTF8.self) == "a!1b!")
    }
}

@Suite struct HeaderTemplateTests {
    @Test(
        arguments: [
            ("A: b", "A", HeaderTemplate.Value.text("b")), ("A:b", "A", .text("b")),
            ("A:\t b c \t", "A", .text("b c")), ("A;", "A", .text("")), ("A:", "A", .none),
            ("X-Ü: ü", nil, .none), ("A: b: c; d", "A", .text("b: c; d")), ("A; b", nil, .none),
            (": b", nil, .none), ("", nil, .none), ("A", nil, .none), ("A: b\u{0}", nil, .none),
            ("A: \u{7F}", nil, .none), ("A: a\tb", "A", .text("a\tb")),
        ] as [(String, String?, HeaderTemplate.Value)])
    func parsing_takesWhatCurlTakes(line: String, name: String?, value: HeaderTemplate.Value) {
        let parsed = try? HeaderTemplate(parsing: line)
        #expect(parsed?.name == name)
        if name != nil { #expect(parsed?.value == value) }
    }

    /// What is wrong with a header must not show its value, which may be a secret.
    @Test func messages_holdNoValue() {
        let error = #expect(throws: RequestTemplate.Malformed.self) {
            try HeaderTemplate(parsing: "Authorization: s3cret\r\n")
        }
        #expect(error?.description.contains("s3cret") == false)
    }

    @Test func check_boundsHeadersAndBody() throws {
        let large = HeaderSource.field(
            HeaderTemplate(
                "A", .text(String(repeating: "x", count: RequestTemplate.headerBytesMax))))
        let body = BodyTemplate(Array(repeating: 0, count: BodyTemplate.bytesMax + 1), .raw)
        for template in [
            try RequestTemplate(parsing: "http://h/{id}", headers: [large]),
            try RequestTemplate(parsing: "http://h/{id}", method: .post, body: body),
        ] {
            #expect(throws: RequestTemplate.Malformed.self) { try template.check() }
        }
    }
}
