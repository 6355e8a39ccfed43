import JobStore
import Testing

@testable import Runner

@Suite struct RequestChunkTests {
    @Test(
        arguments: [
            ("http://h/{id}", ["/", ""], nil),
            ("https://u:p@h:8443/a/{id}/b", ["/a/", "/b"], nil),
            ("http://h/{id}/{}?n={id}", ["/", "/", ""], ["n=", ""]),
            ("http://h/x?a={id}&b=?", nil, ["a=", "&b=?"]),
            ("http://h/{id}?x=1", ["/", ""], nil),
            ("http://h/{id}.json", ["/", ".json"], nil),
        ] as [(String, [String]?, [String]?)])
    func target_isWhatDiffersOfPathAndQuery(url: String, path: [String]?, query: [String]?) {
        func text(_ parts: [String]?) -> IDText? { parts.map { IDText($0.map { Array($0.utf8) }) } }
        let target = RequestChunk(.sample(url: url), .sample).target
        #expect(target == RangeRequests.Target(path: text(path), query: text(query)))
    }

    /// Where parsing does more than split: the whole URL is parsed for each job.
    @Test(arguments: [
        "http://{id}.example/", "http://h:{id}/", "http://h/{id}#{id}", "http://h?{id}",
        "http://h{id}", "http://h/../{id}", "http://h/./{id}", "http://h/{id}/..",
        "http://h/{id}/.hidden", "http://h/%41/{id}", "http://h/ü/{id}", "http://h/{id}?q=%2F",
        "http://h/a|b/{id}",
    ])
    func target_isNil_whenMoreThanPathAndQueryIsAtStake(url: String) {
        #expect(RequestChunk(.sample(url: url), .sample).target == nil)
    }

    @Test(arguments: [
        ("http://h/{id}", false), ("https://h/{id}", true), ("HTTPS://h/{id}", true),
        ("http://https/{id}", false),
    ])
    func isHTTPS_goesByTheScheme(url: String, isHTTPS: Bool) {
        #expect(RequestChunk(.sample(url: url), .sample).isHTTPS == isHTTPS)
    }

    @Test(arguments: [
        ("http://h/{id}", true), ("http://h?{id}", true), ("http://{id}.example/", false),
        ("http://h:{id}/", false), ("http://h{id}", false),
    ])
    func hasOneHost_whenNoPlaceholderStandsBeforeThePath(url: String, hasOneHost: Bool) {
        #expect(RequestChunk(.sample(url: url), .sample).hasOneHost == hasOneHost)
    }

    @Test func request_hasWhatItsPositionSays() {
        let chunk = RequestChunk(
            .sample(id: 7, first: 100, count: 5, url: "https://u:p@h/{id}?q=\"{id}"), .sample)
        let request = chunk.request(at: 3)
        #expect(request.id == 103 && request.method == .get)
        #expect(request.host == HostKey(scheme: "https", name: "h", port: ""))
        var (url, json): ([UInt8], [UInt8]) = ([], [])
        request.appendURL(to: &url)
        request.appendJSONURL(to: &json)
        #expect(String(decoding: url, as: UTF8.self) == "https://h/103?q=\"103")
        #expect(String(decoding: json, as: UTF8.self) == "https://h/103?q=\\\"103")
    }

    @Test func request_hasAHostOfItsOwn_whereTheIDStandsInIt() {
        let chunk = RequestChunk(.sample(first: 8, url: "http://h{id}.x:80{id}/"), .sample)
        #expect(chunk.request(at: 1).host == HostKey(scheme: "http", name: "h9.x", port: "809"))
        #expect(chunk.request(at: 2).host.text == "http://h10.x:8010")
    }

    @Test func hosts_areForgotten_whenNobodyRefersToThem() {
        let hosts = HostTable()
        let kept = hosts.host(HostKey(of: "http://kept/"))
        let first = hosts.host(HostKey(of: "http://h0/")).id
        for number in 0..<10_000 { _ = hosts.host(HostKey(of: "http://h\(number)/")) }
        #expect(hosts.host(kept.key) === kept)
        #expect(hosts.host(HostKey(of: "http://h0/")).id != first)
    }
}
