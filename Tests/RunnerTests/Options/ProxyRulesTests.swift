import JobStore
import Testing

@testable import Runner

@Suite struct ProxyRulesTests {
    @Test(arguments: [
        // Names, by labels.
        ("example.com", "example.com", true), ("example.com", "www.example.com", true),
        ("example.com", "notexample.com", false), ("example.com", "com", false),
        (".example.com", "example.com", true), (".example.com", "www.example.com", true),
        ("Example.COM.", "www.example.com.", true), ("a,b c\td", "d", true), ("a,,b,", "b", true),
        ("example.com:80", "example.com", false), (".", "example.com", false), ("", "h", false),
        // All.
        ("*", "h", true), ("*", "[::1]", true), ("a,*", "h", false),
        // Addresses and networks.
        ("10.1.2.3", "10.1.2.3", true), ("10.1.2.3", "10.1.2.30", false),
        ("10.1.2.3", "x.10.1.2.3", false), ("2.3", "10.1.2.3", false),
        ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false),
        ("10.1.2.0/23", "10.1.3.9", true), ("10.1.2.0/23", "10.1.4.9", false),
        ("0.0.0.0/0", "9.9.9.9", true), ("10.0.0.0/33", "10.0.0.0", false),
        ("10.0.0.0/8", "ten.example", false), ("::1", "[::1]", true), ("[::1]", "[::1]", true),
        ("::1", "[::2]", false), ("fd00::/8", "[fdab::1]", true), ("fd00::/8", "[fe00::1]", false),
        ("fe80::/10", "[febf::1%25eth0]", true), ("fe80::/10", "[fec0::1]", false),
        ("0.0.0.0/0", "[::1]", false),
    ])
    func exceptions_areReadAsCurlReadsThem(list: String, host: String, isExcepted: Bool) {
        #expect(ProxyExceptions(list).contains(host) == isExcepted)
    }

    @Test func theScheme_choosesTheProxy_unlessTheHostIsExcepted() throws {
        let rules = ProxyRules(
            http: try Proxy("a"), https: try Proxy("b"), except: ProxyExceptions("c.test"))
        func host(_ scheme: String, _ name: String) -> String? {
            rules.proxy(for: HostKey(scheme: scheme, name: name, port: "8080"))?.host
        }
        #expect(host("http", "h") == "a" && host("https", "h") == "b")
        #expect(host("http", "x.c.test") == nil && host("https", "C.test") == nil)
        #expect(!rules.isEmpty && ProxyRules().isEmpty)
        #expect(ProxyRules().proxy(for: HostKey(of: "http://h/")) == nil)
    }
}
