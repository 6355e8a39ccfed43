import JobStore
import Testing

@Suite struct HostKeyTests {
    @Test(arguments: [
        ("http://h/1", "http://h"), ("HTTPS://H.Example:443/x", "https://h.example"),
        ("https://h:80?x", "https://h:80"), ("http://u:p@h:8080#f", "http://h:8080"),
        ("http://[::1]:80/", "http://[::1]"),
        ("http://[fe80::1%25lo]:81/", "http://[fe80::1%25lo]:81"),
        ("http://u@x:p@h/", "http://h"),
    ])
    func text_isWhatConnectionsGoBy(url: String, text: String) {
        #expect(HostKey(of: url).text == text)
    }

    @Test func equal_whereTheConnectionIsTheSame() {
        #expect(HostKey(of: "http://H:80/a") == HostKey(of: "http://u:p@h?b"))
        #expect(HostKey(of: "http://h/") != HostKey(of: "https://h/"))
        #expect(HostKey(of: "http://h/") != HostKey(of: "http://h:81/"))
    }

    @Test func methods_areSentTwice_onlyWhereThatIsTheSame() {
        let twice: [HTTPMethod] = [.get, .head, .options, .trace, .put, .delete]
        #expect(twice.allSatisfy { $0.isIdempotent })
        #expect([HTTPMethod.post, .patch, .init(rawValue: "get")].allSatisfy { !$0.isIdempotent })
    }
}
