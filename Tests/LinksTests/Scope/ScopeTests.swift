import TestSupport
import Testing

@testable import Links

@Suite struct ScopeTests {
    private func verdict(
        _ url: String, _ reach: Scope.Reach, from seed: String = "http://www.h.test/d/p?q",
        match: [String] = [], skip: [String] = [], guards: TrapGuards = TrapGuards()
    ) throws -> Scope.Reason? {
        var scope = try Scope(reach, match: match, skip: skip, guards: guards)
        let seed = try #require(Scope.Seed(url: seed))
        switch scope.verdict(on: url, from: seed) {
        case .follow:
            #expect(scope.followed == 1 && scope.cuts.isEmpty)
            return nil
        case .cut(let reason):
            #expect(scope.followed == 0 && scope.cuts == [reason: 1])
            return reason
        }
    }

    @Test(arguments: [
        ("http://www.h.test/", true), ("https://www.h.test/x", true),
        ("http://WWW.H.test:80/", true),
        ("https://www.h.test:443/", true), ("http://www.h.test:8080/", false),
        ("http://h.test/", false),
        ("http://a.www.h.test/", false), ("http://u@www.h.test/", true),
        ("http://www.h.test", true),
        ("http://www.h.test?x", true), ("http://www.h.test.evil.test/", false),
        ("http://evil.test/http://www.h.test/", false), ("http://www.h.test@evil.test/", false),
        ("http://evil.test/@www.h.test/", false), ("http://evil.test?@www.h.test/", false),
        ("http://evil.test#@www.h.test/", false),
    ])
    func keepsToHost(url: String, isFollowed: Bool) throws {
        #expect(try verdict(url, .host) == (isFollowed ? nil : .outOfReach))
    }

    @Test(arguments: [
        ("http://www.example.co.uk/", "http://example.co.uk/", true),
        ("http://www.example.co.uk/", "https://a.b.example.co.uk:8080/", true),
        ("http://www.example.co.uk/", "http://other.co.uk/", false),
        ("http://www.example.co.uk/", "http://notexample.co.uk/", false),
        ("http://example.com/", "http://www.example.com/", true),
        ("http://example.com/", "http://example.org/", false),
        ("http://a.github.io/", "http://b.github.io/", false),
        ("http://a.github.io/", "http://x.a.github.io/", true),
        ("http://co.uk/", "http://co.uk/x", true), ("http://co.uk/", "http://a.co.uk/", false),
        ("http://10.1.2.3/", "http://10.1.2.3:81/", true),
        ("http://10.1.2.3/", "http://10.9.2.3/", false),
        ("http://[::1]/", "http://[::1]:81/", true), ("http://[::1]/", "http://[::2]/", false),
        ("http://localhost/", "http://localhost:81/", true),
        ("http://localhost/", "http://a.localhost/", false),
        ("http://a.b.unknownsuffix/", "http://c.b.unknownsuffix/", true),
        ("http://a.b.unknownsuffix/", "http://c.unknownsuffix/", false),
        ("http://xn--85x722f.xn--55qx5d.cn/", "http://a.xn--85x722f.xn--55qx5d.cn/", true),
        ("http://xn--85x722f.xn--55qx5d.cn/", "http://xn--1.xn--55qx5d.cn/", false),
        ("http://www.city.kawasaki.jp/", "http://city.kawasaki.jp/", true),
        ("http://www.example.com./", "http://example.com./", true),
    ])
    func keepsToDomain(seed: String, url: String, isFollowed: Bool) throws {
        #expect(try verdict(url, .domain, from: seed) == (isFollowed ? nil : .outOfReach))
    }

    @Test(arguments: [
        ("http://www.h.test/d/", true), ("http://www.h.test/d/x/y", true),
        ("https://www.h.test/d/x", true),
        ("http://www.h.test/d", false), ("http://www.h.test/", false),
        ("http://www.h.test/dx", false),
        ("http://www.h.test/d/../x", false), ("http://www.h.test/%64/x", true),
        ("http://h.test/d/x", false),
        ("http://www.h.test/x?/d/", false), ("http://www.h.test/D/x", false),
    ])
    func keepsToPrefix(url: String, isFollowed: Bool) throws {
        #expect(try verdict(url, .prefix) == (isFollowed ? nil : .outOfReach))
    }

    @Test func takesAllOfHTTP() throws {
        #expect(try verdict("https://any.test/", .any) == nil)
        for url in [
            "ftp://h.test/", "mailto:x", "", "x", "http://", "http:///x", "//h.test/",
            "http://:80/",
        ] {
            #expect(try verdict(url, .any) == .notHTTP)
            #expect(Scope.Seed(url: url) == nil)
        }
    }

    @Test func matchesAndSkips() throws {
        let url = "http://h.test/a/b.pdf?c"
        #expect(try verdict(url, .any, match: ["/x/", "b[.]pdf"]) == nil)
        #expect(try verdict(url, .any, match: ["/x/", "^b"]) == .notMatched)
        #expect(try verdict(url, .any, skip: ["[.]pdf$"]) == nil)
        #expect(try verdict(url, .any, skip: ["y", "[.]pdf([?]|$)"]) == .skipped)
        #expect(try verdict(url, .any, match: ["a"], skip: ["b"]) == .skipped)
        #expect(throws: ScopeFault.self) { _ = try Scope(.any, match: ["("]) }
        #expect(throws: ScopeFault.self) { _ = try Scope(.any, skip: ["a\0b"]) }
    }

    @Test(
        arguments: [
            ("/a/b/c", nil), (String(repeating: "/a", count: 3), nil),
            (String(repeating: "/a", count: 4), .repeatedSegment),
            ("/a/b/a/c/a/d/a", .repeatedSegment), ("/a//a///a/", nil), ("/a/b/a/b", nil),
            ("/a/b/a/b/a/b", .repeatedSequence),
            ("/x/a/b/c/a/b/c/a/b/c/y", .repeatedSequence), ("/a/b/c/a/b/d/a/b", nil),
            ("/a/b/%61/b/a/%62", .repeatedSequence),
            ((0..<20).map { "/\($0)" }.joined(), nil),
            ((0..<21).map { "/\($0)" }.joined(), .tooDeep),
            ("/a?b/b/b/b/b", nil), ("/?" + (0..<20).map { "p\($0)=1" }.joined(separator: "&"), nil),
            ("/?" + (0..<21).map { "p\($0)=1" }.joined(separator: "&"), .tooManyParameters),
            ("/?&&&&&&&&&&&&&&&&&&&&&&&&&&", nil),
            ("/" + String(repeating: "x", count: 2083 - 14), nil),
            ("/" + String(repeating: "x", count: 2084 - 14), .tooLong),
            ("/" + String(repeating: "x", count: 2_000_000), .tooLong),
        ] as [(String, Scope.Reason?)])
    func guardsAgainstTraps(path: String, expected: Scope.Reason?) throws {
        #expect(try verdict("http://h.test" + path, .any) == expected)
    }

    @Test func letsGuardsBeSet() throws {
        var guards = TrapGuards()
        (guards.segmentsMax, guards.segmentRepeatsMax, guards.sequenceRepeatsMax) = (
            .max, .max, .max
        )
        (guards.urlBytesMax, guards.parametersMax) = (1 << 20, .max)
        let url = "http://h.test" + String(repeating: "/a/b", count: 100_000)
        #expect(try verdict(url, .any, guards: guards) == nil)
        guards.segmentsMax = 1
        #expect(try verdict("http://h.test/a/b", .any, guards: guards) == .tooDeep)
    }

    @Test func boundsQueriesOfAPath() throws {
        var guards = TrapGuards()
        guards.queriesMax = 3
        var scope = try Scope(.any, guards: guards)
        let seed = try #require(Scope.Seed(url: "http://h.test/"))
        func verdict(_ path: String) -> Scope.Verdict {
            scope.verdict(on: "http://h.test" + path, from: seed)
        }
        for month in 1...3 { #expect(verdict("/cal?m=\(month)") == .follow) }
        #expect(verdict("/cal?m=4") == .cut(.tooManyQueries))
        // Those that are known go on, and so do other paths, and the path without a query.
        #expect(verdict("/cal?m=2") == .follow)
        #expect(verdict("/cal?%6D=2") == .follow)
        #expect(verdict("/cal") == .follow)
        #expect(verdict("/other?m=4") == .follow)
        #expect(verdict("/x?a=1&b=2") == .follow)
        #expect(verdict("/x?b=2&a=1") == .follow)
        #expect(verdict("/x?") == .follow)
        #expect(verdict("/x?c") == .cut(.tooManyQueries))
        #expect(scope.cuts == [.tooManyQueries: 2])
    }

    /// A path that is asked for again and again is never forgotten, whatever else comes.
    @Test func keepsTrapsInMind_inBoundedMemory() throws {
        var guards = TrapGuards()
        (guards.queriesMax, guards.queriesKnownMax) = (10, 1000)
        var scope = try Scope(.any, guards: guards)
        let seed = try #require(Scope.Seed(url: "http://h.test/"))
        var followed = 0
        for number in 0..<20_000 {
            if scope.verdict(on: "http://h.test/cal?m=\(number)", from: seed) == .follow {
                followed += 1
            }
            let verdict = scope.verdict(on: "http://h.test/page\(number)?x", from: seed)
            #expect(verdict == .follow)
        }
        #expect(followed == 10)
    }
}
