import Testing

@testable import Runner

@Suite struct ProxyTests {
    @Test(arguments: [
        ("h", "http://h:1080"), ("H.example:3128", "http://h.example:3128"),
        ("http://h", "http://h:1080"), ("https://h", "https://h:443"),
        ("socks4://h", "socks4://h:1080"), ("SOCKS5H://h:9", "socks5h://h:9"),
        ("http://[::1]:3128/path", "http://[::1]:3128"), ("http://h:80/?q#f", "http://h:80"),
    ])
    func aURL_isRead_withCurlsDefaults(text: String, read: String) throws {
        let proxy = try Proxy(text)
        #expect(proxy.url == read && proxy.text == read && proxy.credentials == nil)
    }

    @Test func credentials_areDecoded_andNeverShown() throws {
        let proxy = try Proxy("http://a%40b:s%3Ae@cret@h:1")
        #expect(proxy.credentials == Proxy.Credentials(user: "a@b", password: "s:e@cret"))
        #expect(proxy.text == "http://***@h:1" && proxy.url == "http://h:1")
        var dumped = ""
        dump(proxy, to: &dumped)
        #expect(!(dumped + "\(proxy)" + String(reflecting: proxy)).contains("cret"))
    }

    @Test func credentialsOfTheURL_comeFirst() throws {
        let others = Proxy.Credentials(user: "o", password: "p")
        #expect(try Proxy("u@h", credentials: others).credentials?.user == "u")
        #expect(try Proxy("h", credentials: others).credentials == others)
    }

    @Test(arguments: [
        ("", "no host"), ("http://", "no host"), ("http://u:p@", "no host"),
        ("ftp://h", "scheme"), ("http://h:0", "port"), ("http://h:65536", "port"),
        ("http://h:x", "port"), ("http://h:", "port"), ("http://a b", "character"),
        ("http://[::1", "["), ("http://[::z]", "character"), ("http://ü", "character"),
        ("http://u%0A:p@h", "control character"),
        ("socks5://\(String(repeating: "u", count: 256)):p@h", "255"),
    ])
    func anythingElse_isRefused_withTheReason(text: String, names: String) {
        #expect { try Proxy(text) } throws: {
            ($0 as? Proxy.Fault)?.description.contains(names) == true
        }
    }

    @Test(arguments: [
        (Proxy.Kind.http, false), (.https, false), (.socks4, true), (.socks4a, false),
        (.socks5, true), (.socks5h, false),
    ])
    func onlySomeProxies_areToldAddresses(kind: Proxy.Kind, takesAddressesOnly: Bool) throws {
        let proxy = try Proxy("\(kind.rawValue)://h")
        #expect(proxy.takesAddressesOnly == takesAddressesOnly)
    }
}
