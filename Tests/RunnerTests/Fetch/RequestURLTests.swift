import CCurl
import Glibc
import JobStore
import Testing

@testable import Runner

/// Whatever is set piece by piece is what libcurl makes of the whole URL.
@Suite struct RequestURLTests {
    private static let parts = [
        CURLUPART_SCHEME, CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_HOST, CURLUPART_PORT,
        CURLUPART_PATH, CURLUPART_QUERY, CURLUPART_FRAGMENT,
    ]

    @Test(arguments: [
        "http://127.0.0.1:8080/{id}", "https://u:p@api.example.com/items/{id}/x?n={}&m=1#f",
        "http://h/x?q={id}", "http://h/{id}?q=1", "http://h/{id}?", "http://h?{id}",
        "http://h/?{id}",
        "http://[::1]:80/{id}", "http://h{id}.example/a", "http://h/../a/./{id}/../b",
        "http://h/%41%2f{id}?x=%2F", "http://h/{id};p=1,2?a=b?c=d", "http://h/ü/{id}",
        "HTTP://EXAMPLE/{id}", "http://h//{id}//", "http://h/{id}#{id}",
    ])
    func set_givesWhatLibcurlMakesOfTheWholeURL(template: String) throws {
        let batch = RequestChunk(.sample(url: template), .sample)
        let settings = TransferSettings(FetchOptions())
        var url = RequestURL()
        for position in [0, 7, 10, 123_456, 5] {
            let job = Job(chunk: batch, position: position, attempt: 1)
            let result = url.set(to: job, settings)
            #expect(result == CURLUE_OK)
            #expect(try parts(of: url.handle) == parts(ofText: whole(template, position)))
        }
    }

    @Test func set_followsAJobOfAnotherBatch_andBack() throws {
        let templates = ["http://one/{id}?a={id}", "https://two:444/{id}", "http://{id}.three/"]
        let batches = templates.enumerated().map {
            RequestChunk(.sample(id: $0.offset + 1, url: $0.element), .sample)
        }
        let settings = TransferSettings(FetchOptions())
        var url = RequestURL()
        for step in 0..<30 {
            let which = [0, 0, 1, 2, 2, 0, 1, 1, 2, 1][step % 10]
            let result = url.set(
                to: Job(chunk: batches[which], position: step, attempt: 1), settings)
            #expect(result == CURLUE_OK)
            let text = whole(templates[which], step)
            #expect(try parts(of: url.handle) == parts(ofText: text), "\(text)")
        }
    }

    @Test func set_fails_whenLibcurlTakesItForNoURL_andRecovers() throws {
        let settings = TransferSettings(FetchOptions())
        var url = RequestURL()
        let good = RequestChunk(.sample(id: 1, url: "http://h/{id}"), .sample)
        let bad = RequestChunk(.sample(id: 2, url: "http://h:{id}/"), .sample)
        let jobs = [(good, 1), (bad, 99_999), (bad, 80), (good, 2)]
        let areSet = jobs.map { batch, position in
            url.set(to: Job(chunk: batch, position: position, attempt: 1), settings) == CURLUE_OK
        }
        #expect(areSet == [true, false, true, true])
        #expect(try parts(of: url.handle) == parts(ofText: "http://h/2"))
    }

    @Test(arguments: [
        ("http://[fe80::1%25lo]:80/{id}", if_nametoindex("lo")), ("http://[fe80::1%257]/{id}", 7),
        ("http://[fe80::1]/{id}", 0), ("http://127.0.0.1/{id}", 0),
    ])
    func scope_isTheZoneOfALinkLocalHost(template: String, scope: UInt32) {
        var url = RequestURL()
        let settings = TransferSettings(FetchOptions())
        for position in 0..<2 {
            let job = Job(
                chunk: RequestChunk(.sample(url: template), .sample), position: position, attempt: 1
            )
            _ = url.set(to: job, settings)
            #expect(url.scope == scope)
        }
    }

    // MARK: - Redirects

    @Test(arguments: [
        ("http://h/a/b", "/x", "http://h/x"), ("http://h/a/b", "x?y#z", "http://h/a/x?y#z"),
        ("http://h/a/b?c", "?d", "http://h/a/b?d"), ("http://h/a", "//o/x", "http://o/x"),
        ("http://h/a", "https://o:444/x", "https://o:444/x"),
        ("http://h/a", "../../x", "http://h/x"),
        ("http://h/a", "/b c", "http://h/b%20c"),
        // Credentials go along to their own scheme, host and port, and nowhere else.
        ("http://u:p@h/a", "/x", "http://u:p@h/x"),
        ("http://u:p@h/a", "http://h/x", "http://u:p@h/x"),
        ("http://u:p@h/a", "http://H:80/x", "http://u:p@H:80/x"),
        ("http://u:p@h/a", "http://o/x", "http://o/x"), ("http://u:p@h/a", "//o/x", "http://o/x"),
        ("http://u:p@h/a", "http://h:81/x", "http://h:81/x"),
        ("http://u:p@h/a", "https://h/x", "https://h/x"),
        ("http://u:p@h/a", "http://v:q@h/x", "http://v:q@h/x"),
        ("http://h/a", "http://v:q@o/x", "http://v:q@o/x"),
    ])
    func follow_givesWhereALocationLeads(from: String, location: String, to: String) throws {
        var url = RequestURL()
        #expect(set(&url, from) == CURLUE_OK)
        #expect(url.follow(location) == CURLUE_OK)
        #expect(try parts(of: url.handle) == parts(ofText: to))
    }

    @Test(arguments: [
        ("http://u:p@h/a@b", "http://h/a@b"), ("https://u@h:8443/?q=@", "https://h:8443/?q=@"),
        ("http://h/a%2520b", "http://h/a%2520b"),
    ])
    func text_hasNoCredentials(url text: String, expected: String) {
        var url = RequestURL()
        #expect(set(&url, text) == CURLUE_OK)
        #expect(String(decoding: url.text, as: UTF8.self) == expected + "#0")
    }

    @Test(arguments: [
        "ftp://h/x", "file:///etc/passwd", "http://", "http://h:99999/", "javascript:x",
    ])
    func follow_leadsNowhere_elseThanToHTTP(location: String) {
        var url = RequestURL()
        #expect(set(&url, "http://h/a") == CURLUE_OK)
        #expect(url.follow(location) != CURLUE_OK)
    }

    @Test func set_afterARedirect_isTheWholeURLAgain() {
        let batch = RequestChunk(.sample(url: "http://h/{id}"), .sample)
        let settings = TransferSettings(FetchOptions())
        var url = RequestURL()
        for position in 0..<3 {
            let job = Job(chunk: batch, position: position, attempt: 1)
            #expect(url.set(to: job, settings) == CURLUE_OK)
            #expect(String(decoding: url.text, as: UTF8.self) == "http://h/\(position)")
            #expect(url.endpoint()?.host.name == "h")
            #expect(url.follow("https://o/x") == CURLUE_OK)
            #expect(
                url.endpoint()
                    == .init(host: HostKey(of: "https://o"), port: "443", isAddress: false))
        }
    }

    // MARK: - Hosts

    @Test(arguments: [
        ("http://EXAMPLE.com/", "example.com", "80", false),
        ("https://h:8443/", "h", "8443", false),
        ("http://127.0.0.1/", "127.0.0.1", "80", true),
        ("http://[::1]:8080/", "[::1]", "8080", true),
        ("http://0x7f.1/", "127.0.0.1", "80", true), ("http://u:p@h/", "h", "80", false),
    ])
    func endpoint_isWhereAConnectionGoes(text: String, name: String, port: String, isAddress: Bool)
    {
        var url = RequestURL()
        #expect(set(&url, text) == CURLUE_OK)
        let endpoint = url.endpoint()
        #expect(
            endpoint?.host.name == name && endpoint?.port == port
                && endpoint?.isAddress == isAddress)
    }

    @Test func anInternationalHost_isAskedForAsNameServersKnowIt() async throws {
        let loop = try EventLoop(shards: 1)
        try loop.start()
        // On a loop's thread, whose locale knows UTF-8.
        let names = await withTaskExecutorPreference(loop) {
            ["http://bücher.example/1", "http://BÜCHER.example/", "http://例え.jp/"].map { text in
                var url = RequestURL()
                _ = set(&url, text)
                return url.endpoint()?.host.name
            }
        }
        loop.stop()
        #expect(names == ["xn--bcher-kva.example", "xn--bcher-kva.example", "xn--r8jz45g.jp"])
    }

    private func set(_ url: inout RequestURL, _ text: String) -> CURLUcode {
        let batch = RequestChunk(.sample(url: text + "#{id}"), .sample)
        return url.set(
            to: Job(chunk: batch, position: 0, attempt: 1), TransferSettings(FetchOptions()))
    }

    private func whole(_ template: String, _ id: Int) -> String {
        template.split(separator: "{id}", omittingEmptySubsequences: false).joined(
            separator: String(id)
        ).split(separator: "{}", omittingEmptySubsequences: false).joined(separator: String(id))
    }

    private func parts(ofText text: String) throws -> [String?] {
        let handle = try #require(curl_url())
        defer { curl_url_cleanup(handle) }
        #expect(curl_url_set(handle, CURLUPART_URL, text, 0) == CURLUE_OK)
        return parts(of: handle)
    }

    private func parts(of handle: OpaquePointer) -> [String?] {
        Self.parts.map { part in
            var text: UnsafeMutablePointer<CChar>?
            guard curl_url_get(handle, part, &text, 0) == CURLUE_OK, let text else { return nil }
            defer { curl_free(text) }
            return String(cString: text)
        }
    }
}
