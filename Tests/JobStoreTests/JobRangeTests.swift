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

    @Test(arguments: [
        ("0..100", 10, 10, 90), ("0...100", 10, 11, 100), ("0..101", 10, 11, 100),
        ("7..8", 1000, 1, 7), ("7..27", 10, 2, 17), ("0..100", 1, 100, 99),
        ("0..100", Int.max, 1, 0), ("5..\(Int.max)", Int.max - 6, 2, Int.max - 1),
        ("\(Int.max - 1)...\(Int.max - 1)", 3, 1, Int.max - 1),
    ])
    func parses_withAStep(text: String, step: Int, count: Int, last: Int) throws {
        let range = try JobRange(parsing: text, step: step)
        #expect(range.count == count && range.step == step && range.last == last)
    }

    @Test func positions_leadBackToTheirIDs() throws {
        for (text, step) in [("5..40", 10), ("5..36", 10), ("0..7", 1), ("3..4", 9)] {
            let range = try JobRange(parsing: text, step: step)
            let ids = Array(stride(from: range.first, through: range.last, by: step))
            #expect((0..<range.count).map(range.id) == ids)
            for id in 0...50 {
                #expect(range.position(of: id) == ids.firstIndex(of: id), "\(id) of \(text)")
                for end in id...51 {
                    let wanted = ids.indices.filter { (id..<end).contains(ids[$0]) }
                    let found = range.positions(of: id..<end)
                    #expect(Array(found) == wanted, "\(id)..<\(end) of \(text)")
                }
            }
        }
        let far = JobRange(first: 1, count: 2, step: Int.max - 2)
        #expect(far.position(of: Int.max - 1) == 1 && far.position(of: Int.max) == nil)
        #expect(far.positions(of: 2..<Int.max) == 1..<2)
    }

    @Test(arguments: [
        (-1, 1, 1), (0, 0, 1), (0, 1, 0), (0, 2, -1), (0, 3, Int.max / 2 + 1), (1, 2, Int.max - 1),
        (2, 2, Int.max - 2), (Int.max, 1, 1),
    ])
    func canHold_isFalse_whereIDsWouldEndPastTheLargest(first: Int, count: Int, step: Int) {
        #expect(!JobRange.canHold(first: first, count: count, step: step))
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

    @Test(arguments: [
        "http://host/{id}", "http://a-b_c.example:8080/{id}", "http://host:/{id}",
        "http://host:00080/{id}", "http://host:{id}/", "http://{id}.example/", "http://1.2.3.4/{}",
        "http://[::1]/{id}", "http://[::ffff:1.2.3.4]:8080/{id}", "http://[2001:db8::{id}]/",
        "http://[fe80::1%25eth0]/{id}", "http://[fe80::1%eth0]:80/{id}",
        "http://[fe80::1%252]/{id}",
        "http://bücher.example/{id}", "http://例え.テスト/{id}", "http://b%C3%BCcher.example/{id}",
        "http://us%65r.ex%61mple/{id}", "http://user:p%40ss%3A@host/{id}", "http://@host/{id}",
        "http://host/a@b:+1/{id}", "http://host?@{id}", "http://host/\u{301}{id}@!",
    ])
    func check_takes(template: String) throws {
        try RequestTemplate(parsing: template).check()
    }

    @Test(arguments: [
        ("http://a@b@host/{id}", "as %40"), ("http://u:p@ss@host/{id}", "as %40"),
        ("http://u%00:p@host/{id}", "%00"),
        ("http://h:+80/{id}", "'+80'"), ("http://h:+{id}/", "'+1'"),
        ("http://[::1]:+1/{id}", "'+1'"),
        ("http://a%00b/{id}", "'%00'"), ("http://a%0Ab/{id}", "'%0A'"),
        ("http://a%20b/{id}", "'%20'"), ("http://a%2Fb/{id}", "'%2F'"),
        ("http://a%3a80/{id}", "'%3a'"), ("http://u%40h/{id}", "'%40'"),
        ("http://a%7Fb/{id}", "'%7F'"), ("http://a%25b/{id}", "'%25'"),
        ("http://a%zz/{id}", "'%zz'"), ("http://a%/{id}", "'%'"), ("http://a%+1/{id}", "'%+1'"),
        ("http://a,b/{id}", "','"), ("http://a\\b/{id}", "'\\'"), ("http://a!{id}/", "'!'"),
        ("http://a\u{A0}b/{id}", "'\u{A0}'"), ("http://a\u{9B}b/{id}", "'\u{9B}'"),
        ("http://[zz]/{id}", "[::1]"), ("http://[1.2.3.4]/{id}", "[::1]"),
        ("http://[::1%25]x/{id}", "[::1]"), ("http://[fe80::1%]/{id}", "[fe80::1%25eth0]"),
        ("http://[fe80::1%25abcdefghijklmnop]/{id}", "[fe80::1%25eth0]"),
    ])
    func check_refuses(template: String, because word: String) {
        let error = #expect(throws: RequestTemplate.Malformed.self) {
            try RequestTemplate(parsing: template).check()
        }
        #expect(error?.description.contains(word) == true, "\(String(describing: error))")
    }

    @Test(arguments: [
        ("http://host/{id}", "http://host/{id}"),
        ("https://user:word@host:80/a@b/{id}", "https://***@host:80/a@b/{id}"),
        ("http://a@b@host/{id}", "http://***@host/{id}"),
        ("http://bücher@host?@{id}", "http://***@host?@{id}"),
        ("http://host/\u{301}@{id}", "http://host/\u{301}@{id}"),
    ])
    func shownURL_hidesCredentials(template: String, shown: String) throws {
        #expect(try RequestTemplate(parsing: template).shownURL == shown)
    }

    @Test func hasOneHost_unlessAPlaceholderStandsBeforeThePath() throws {
        #expect(try RequestTemplate(parsing: "http://host/{id}").hasOneHost)
        #expect(try RequestTemplate(parsing: "http://host?{id}").hasOneHost)
        #expect(try !RequestTemplate(parsing: "http://{id}.host/").hasOneHost)
        #expect(try !RequestTemplate(parsing: "http://host:{id}/").hasOneHost)
    }
}
