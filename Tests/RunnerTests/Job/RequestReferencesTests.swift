import JobStore
import TestSupport
import Testing

@testable import Runner

@Suite struct RequestReferencesTests {
    private let references = RequestReferences(environment: [
        "TOKEN": "t0", "A_1": "{id}", "EMPTY": "", "LINES": "a\nb",
    ])

    private func content(
        _ headers: [HeaderSource], run: [HeaderSource] = [], id: Int = 7
    ) throws -> RequestContent {
        let template = try RequestTemplate(parsing: "http://h/{id}", headers: headers)
        return try RequestDefaults(
            userAgent: "ua", acceptEncoding: "gzip", headers: run, references: references
        ).contents(of: template).content(for: id)
    }

    private func field(_ line: String, env: Bool = true) throws -> HeaderSource {
        .field(try HeaderTemplate(parsing: line, readsEnvironment: env))
    }

    @Test(arguments: [
        ("X: $TOKEN", "t0"), ("X: ${TOKEN}x", "t0x"), ("X: a$TOKEN-$TOKEN", "at0-t0"),
        ("X: $$TOKEN", "$TOKEN"), ("X: 5$", "5$"), ("X: $5", "$5"), ("X: ${TOKEN", "${TOKEN"),
        ("X: x${EMPTY}y", "xy"), ("X: $TOKEN{id}", "t07"), ("X: ${}", "${}"),
        // A value is never read for placeholders or variables.
        ("X: $A_1", "{id}"),
    ])
    func variables_areReplaced(line: String, value: String) throws {
        let found = try content([try field(line)]).fields.last
        #expect(found?.value == Array(value.utf8) && found?.isSecret == true)
        let asGiven = try content([try field("X: $TOKEN", env: false)]).fields.last
        #expect(asGiven?.value == Array("$TOKEN".utf8) && asGiven?.isSecret == false)
    }

    @Test(arguments: [("X: $NONE", "NONE"), ("X: ${NONE}", "NONE"), ("X: $LINES", "LINES")])
    func variables_areRefused_whenMissingOrOfSeveralLines(line: String, name: String) throws {
        let source = try field(line)
        let error = #expect(throws: RequestError.self) { try content([source]) }
        #expect(error?.description.contains(name) == true)
        #expect(error?.code == (name == "NONE" ? .missingVariable : .badValue))
    }

    @Test func files_areReadLineByLine() throws {
        let folder = Folder()
        let path = folder.file("headers")
        write(Array("A: 1\r\n\nB: $TOKEN\n".utf8), to: path)
        let fields = Array(try content([.file(path: path)]).fields.suffix(2))
        #expect(fields.map(\.name) == ["A", "B"])
        #expect(fields.map(\.value) == [Array("1".utf8), Array("$TOKEN".utf8)])
        #expect(fields.map(\.isSecret) == [true, true])
        for (text, code) in [
            ("no header", RequestError.Code.badFile),
            (String(repeating: "A: b\n", count: 20_000), .badFile),
        ] {
            write(Array(text.utf8), to: path)
            let error = #expect(throws: RequestError.self) { try content([.file(path: path)]) }
            #expect(
                error?.code == code && error?.description.contains("no header") == false
                    || code == .badFile)
        }
        let missing = #expect(throws: RequestError.self) {
            try content([.file(path: folder.file("none"))])
        }
        #expect(missing?.code == .unreadableFile)
    }

    @Test func fields_ofRunAndBatch_takeThePlaceOfStandardOnes() throws {
        let content = try content(
            [try field("user-agent: batch"), try field("A: 1"), try field("Accept-Encoding:")],
            run: [try field("a: run")])
        #expect(content.fields.map(\.name) == ["user-agent", "Accept-Encoding", "a"])
        #expect(
            content.fields.map { $0.value.map { String(decoding: $0, as: UTF8.self) } }
                == ["batch", nil, "run"])
    }

    @Test func contents_areShared_unlessAPlaceholderStandsInThem() throws {
        let defaults = try RequestDefaults()
        let plain = try defaults.contents(of: RequestTemplate(parsing: "http://h/{id}"))
        let other = try defaults.contents(of: RequestTemplate(parsing: "http://o/{id}"))
        #expect(plain.shared != nil && plain.shared === other.shared)
        let own = try defaults.contents(
            of: RequestTemplate(
                parsing: "http://h/{id}", method: .post,
                body: BodyTemplate(Array("{id}".utf8), .raw)))
        #expect(own.shared == nil)
        let content = own.content(for: 5)
        withExtendedLifetime(content) {
            #expect(content.body.map { Array($0) } == Array("5".utf8))
        }
    }
}
