import Testing

@testable import JobStore

@Suite struct JobRangeTests {
    @Test(arguments: [
        ("0..10", 0, 10), ("0..<10", 0, 10), ("0...9", 0, 10), ("5..6", 5, 1), ("7...7", 7, 1),
        ("1_000..2_000", 1000, 1000), ("0..100000000", 0, 100_000_000),
        ("9223372036854775806..9223372036854775807", Int.max - 1, 1),
        ("0..9223372036854775807", 0, Int.max),
    ])
    func parses(text: String, first: Int, count: Int) throws {
        #expect(try JobRange(parsing: text) == JobRange(first: first, count: count))
    }

    @Test(arguments: [
        ("", "not a range"), ("..", "not a range"), ("5", "not a range"), ("0..", "not a range"),
        ("..5", "not a range"), ("a..b", "not a range"), ("0....5", "not a range"),
        ("1..2..3", "not a range"),
        ("0 .. 5", "not a range"), ("+1..5", "not a range"), ("0x0..5", "not a range"),
        ("٠..٥", "not a range"),
        ("1.5..3", "not a range"), ("5..5", "empty"), ("5..<5", "empty"), ("9..3", "reversed"),
        ("9...3", "reversed"),
        ("-5..5", "negative"), ("0..-5", "negative"), ("_..5", "not a range"),
        ("0..9223372036854775808", "past the largest ID"),
        ("99999999999999999999..999999999999999999999", "past the largest ID"),
        ("0...9223372036854775807", "past the largest ID"),
        ("9223372036854775807...9223372036854775807", "past the largest ID"),
    ])
    func refuses(text: String, because word: String) {
        let error = #expect(throws: JobRange.Malformed.self) { try JobRange(parsing: text) }
        #expect(error?.description.contains(word) == true, "\(String(describing: error))")
        #expect(error?.description.contains("\n") == false)
    }
}

@Suite struct RequestTemplateTests {
    @Test(arguments: [
        ("http://localhost:8080/{id}", "http://localhost:8080/42"),
        ("https://api.example.com/items/{}?x={id}", "https://api.example.com/items/42?x=42"),
        ("HTTP://Example.com/a%20b/{id}.json", "HTTP://Example.com/a%20b/42.json"),
        ("https://{id}.example.com/", "https://42.example.com/"),
    ])
    func expands(template: String, url: String) throws {
        #expect(try RequestTemplate(parsing: template).url(for: 42) == url)
    }

    @Test(arguments: [
        ("http://localhost/", "no placeholder"), ("localhost/{id}", "no scheme"), ("", "no scheme"),
        ("ftp://host/{id}", "'ftp'"), ("file:///etc/{id}", "'file'"),
        ("http://host/a b/{id}", "space"),
        ("http://host/{id}\n", "control character"),
        ("http://host/{id}\r\nX: y", "control character"),
        ("http://host/\u{0}{id}", "control character"),
        ("http://host/\u{7F}{id}", "control character"),
        ("http://host/{name}", "brace"), ("http://host/{{id}}", "brace"),
        ("http://host/}{id}", "brace"),
        ("http:///{id}", "no host"), ("http://?{id}", "no host"), ("http://:80/{id}", "no host"),
        ("https://user@/{id}", "no host"),
    ])
    func refuses(template: String, because word: String) {
        let error = #expect(throws: RequestTemplate.Malformed.self) {
            try RequestTemplate(parsing: template)
        }
        #expect(error?.description.contains(word) == true, "\(String(describing: error))")
    }

    @Test func hasOneHost_unlessAPlaceholderStandsBeforeThePath() throws {
        #expect(try RequestTemplate(parsing: "http://host/{id}").hasOneHost)
        #expect(try RequestTemplate(parsing: "http://host?{id}").hasOneHost)
        #expect(try !RequestTemplate(parsing: "http://{id}.host/").hasOneHost)
        #expect(try !RequestTemplate(parsing: "http://host:{id}/").hasOneHost)
    }
}
