import CCurl
import Glibc
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
        let batch = RunningBatch(.sample(url: template))
        let settings = TransferSettings(FetchOptions())
        var url = RequestURL()
        for position in [0, 7, 10, 123_456, 5] {
            let job = Job(batch: batch, position: position, attempt: 1)
            let result = url.set(to: job, settings)
            #expect(result == CURLUE_OK)
            #expect(try parts(of: url.handle) == parts(ofText: whole(template, position)))
        }
    }

    @Test func set_followsAJobOfAnotherBatch_andBack() throws {
        let templates = ["http://one/{id}?a={id}", "https://two:444/{id}", "http://{id}.three/"]
        let batches = templates.enumerated().map {
            RunningBatch(.sample(id: $0.offset + 1, url: $0.element))
        }
        let settings = TransferSettings(FetchOptions())
        var url = RequestURL()
        for step in 0..<30 {
            let which = [0, 0, 1, 2, 2, 0, 1, 1, 2, 1][step % 10]
            let result = url.set(
                to: Job(batch: batches[which], position: step, attempt: 1), settings)
            #expect(result == CURLUE_OK)
            let text = whole(templates[which], step)
            #expect(try parts(of: url.handle) == parts(ofText: text), "\(text)")
        }
    }

    @Test func set_fails_whenLibcurlTakesItForNoURL_andRecovers() throws {
        let settings = TransferSettings(FetchOptions())
        var url = RequestURL()
        let good = RunningBatch(.sample(id: 1, url: "http://h/{id}"))
        let bad = RunningBatch(.sample(id: 2, url: "http://h:{id}/"))
        let jobs = [(good, 1), (bad, 99_999), (bad, 80), (good, 2)]
        let areSet = jobs.map { batch, position in
            url.set(to: Job(batch: batch, position: position, attempt: 1), settings) == CURLUE_OK
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
                batch: RunningBatch(.sample(url: template)), position: position, attempt: 1)
            _ = url.set(to: job, settings)
            #expect(url.scope == scope)
        }
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
