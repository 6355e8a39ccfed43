import Runner
import Testing

@testable import Links

@Suite struct URLResolverTests {
    private func resolve(_ text: String, _ base: String) -> String {
        guard let resolver = URLResolver(base: base, by: ParsedURL()) else { return "no base" }
        return switch resolver.resolve(Array(text.utf8)) {
        case .url(let url): url
        case .otherScheme: "other"
        case .invalid: "invalid"
        }
    }

    /// RFC 3986, 5.4, without fragments, and without what browsers do otherwise.
    @Test(arguments: [
        ("g", "http://a/b/c/g"), ("./g", "http://a/b/c/g"), ("g/", "http://a/b/c/g/"),
        ("/g", "http://a/g"), ("//g", "http://g/"), ("?y", "http://a/b/c/d;p?y"),
        ("g?y", "http://a/b/c/g?y"), ("#s", "http://a/b/c/d;p?q"), ("g#s", "http://a/b/c/g"),
        ("g?y#s", "http://a/b/c/g?y"), (";x", "http://a/b/c/;x"), ("g;x", "http://a/b/c/g;x"),
        ("g;x?y#s", "http://a/b/c/g;x?y"), ("", "http://a/b/c/d;p?q"), (".", "http://a/b/c/"),
        ("./", "http://a/b/c/"), ("..", "http://a/b/"), ("../", "http://a/b/"),
        ("../g", "http://a/b/g"), ("../..", "http://a/"), ("../../", "http://a/"),
        ("../../g", "http://a/g"), ("../../../g", "http://a/g"), ("../../../../g", "http://a/g"),
        ("/./g", "http://a/g"), ("/../g", "http://a/g"), ("g.", "http://a/b/c/g."),
        (".g", "http://a/b/c/.g"), ("g..", "http://a/b/c/g.."), ("..g", "http://a/b/c/..g"),
        ("./../g", "http://a/b/g"), ("./g/.", "http://a/b/c/g/"), ("g/./h", "http://a/b/c/g/h"),
        ("g/../h", "http://a/b/c/h"), ("g;x=1/./y", "http://a/b/c/g;x=1/y"),
        ("g;x=1/../y", "http://a/b/c/y"), ("g?y/./x", "http://a/b/c/g?y/./x"),
        ("g?y/../x", "http://a/b/c/g?y/../x"), ("g#s/../x", "http://a/b/c/g"),
        ("http:g", "http://a/b/c/g"), ("http:", "http://a/b/c/d;p?q"), ("g:h", "other"),
    ])
    func resolvesReferences(text: String, expected: String) {
        #expect(resolve(text, "http://a/b/c/d;p?q") == expected)
    }

    /// As browsers read what is written carelessly.
    @Test(arguments: [
        (" x ", "https://h.test/d/x"), ("\n\tx\u{C}\u{0} ", "https://h.test/d/x"),
        ("a\nb\tc\rd", "https://h.test/d/abcd"), ("ht\ntp://g/", "http://g/"),
        ("a b", "https://h.test/d/a%20b"), ("a%20b", "https://h.test/d/a%20b"),
        ("\\x\\y?\\", "https://h.test/x/y?\\"), ("\\\\g\\x", "https://g/x"), ("/\\g", "https://g/"),
        ("///g/x", "https://g/x"), ("////g", "https://g/"), ("https:x", "https://h.test/d/x"),
        ("https:/x", "https://h.test/x"), ("https:///g", "https://g/"), ("http:x", "http://x/"),
        ("http:/x", "http://x/"), ("http:///x/y", "http://x/y"), ("HTTPS://G/X", "https://g/X"),
        ("http://g:80/", "http://g/"), ("http://g:443/", "http://g:443/"),
        ("https://g:443", "https://g/"), ("http://g:/", "http://g/"), ("http://g?x", "http://g/?x"),
        ("http://g#x", "http://g/"), ("http://u:p@g/x", "http://g/x"),
        ("//u@g:81", "https://g:81/"),
        ("http://a@b@g/", "http://g/"), ("x?a b'c\"<>", "https://h.test/d/x?a%20b%27c%22%3C%3E"),
        ("x'\"<>`{}|^", "https://h.test/d/x'%22%3C%3E%60%7B%7D|%5E"),
        ("x%", "https://h.test/d/x%"), ("x%zz", "https://h.test/d/x%zz"),
        ("?", "https://h.test/d/p"),
        ("é?é", "https://h.test/d/%C3%A9?%C3%A9"), ("http://é.test/", "http://xn--9ca.test/"),
        ("http://É.test/", "http://xn--9ca.test/"), ("http://[::1]:8080/x", "http://[::1]:8080/x"),
        ("http://[::1/", "invalid"), ("http://", "invalid"), ("http:///", "invalid"),
        ("//", "invalid"),
        ("http://a b/", "invalid"), ("http://g:x/", "invalid"), ("http://g:99999/", "invalid"),
        ("http://?x", "invalid"), ("http://u@/", "invalid"), ("http://g/\u{7F}", "http://g/%7F"),
        ("mailto:a@b", "other"), ("javascript:void(0)", "other"), ("JAVASCRIPT:x", "other"),
        ("java\nscript:x", "other"), ("data:text/html,<a>", "other"), ("tel:+1", "other"),
        ("ftp://g/", "other"), ("file:///etc/passwd", "other"), ("a.b+c-d:x", "other"),
        ("x:", "other"), ("1:x", "https://h.test/d/1:x"), (":x", "https://h.test/d/:x"),
        ("./x:y", "https://h.test/d/x:y"), ("x/y:z", "https://h.test/d/x/y:z"),
        ("?x:y", "https://h.test/d/p?x:y"),
        ("//g", "https://g/"), ("//g/../x", "https://g/x"), ("/a//b", "https://h.test/a//b"),
        ("a/./../b/../", "https://h.test/d/"), ("%2e%2e/x", "https://h.test/d/%2e%2e/x"),
    ])
    func readsAsBrowsersDo(text: String, expected: String) {
        #expect(resolve(text, "https://h.test/d/p?q#f") == expected)
    }

    @Test(arguments: [
        ("http://h.test", "http://h.test/x"), ("http://h.test?q", "http://h.test/x"),
        ("HTTP://H.test:80/d", "http://h.test/x"),
        ("https://u:p@h.test:81/d/", "https://h.test:81/d/x"),
        ("http://h.test/a/b?c/d", "http://h.test/a/x"),
        ("http://[::1]:81/a/b", "http://[::1]:81/a/x"),
        ("http://h.test/a#b/c", "http://h.test/x"),
        ("http://xn--9ca.test/", "http://xn--9ca.test/x"),
        ("ftp://h.test/", "no base"), ("h.test/", "no base"), ("", "no base"),
        ("http://", "no base"),
    ])
    func takesBases(base: String, expected: String) {
        #expect(resolve("x", base) == expected)
    }

    /// The query goes out in the character set of the page, what it lacks as in forms.
    @Test func encodesQueriesAsThePageIs() {
        guard let resolver = URLResolver(base: "http://h.test/", by: ParsedURL()) else {
            Issue.record("no base")
            return
        }
        let converter = Charset(label: "windows-1251".utf8).flatMap(TextConverter.init)
        let url = resolver.resolve(Array("/я?я=ü#я".utf8), converter)
        #expect(url == .url("http://h.test/%D1%8F?%FF=&%23252;"))
    }
}
