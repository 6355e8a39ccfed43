import Testing

@testable import Runner

@Suite struct RunningBatchTests {
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
        let target = RunningBatch(.sample(url: url)).target
        #expect(target == RunningBatch.Target(path: text(path), query: text(query)))
    }

    /// Where parsing does more than split: the whole URL is parsed for each job.
    @Test(arguments: [
        "http://{id}.example/", "http://h:{id}/", "http://h/{id}#{id}", "http://h?{id}",
        "http://h{id}", "http://h/../{id}", "http://h/./{id}", "http://h/{id}/..",
        "http://h/{id}/.hidden", "http://h/%41/{id}", "http://h/ü/{id}", "http://h/{id}?q=%2F",
        "http://h/a|b/{id}",
    ])
    func target_isNil_whenMoreThanPathAndQueryIsAtStake(url: String) {
        #expect(RunningBatch(.sample(url: url)).target == nil)
    }

    @Test(arguments: [
        ("http://h/{id}", false), ("https://h/{id}", true), ("HTTPS://h/{id}", true),
        ("http://https/{id}", false),
    ])
    func isHTTPS_goesByTheScheme(url: String, isHTTPS: Bool) {
        #expect(RunningBatch(.sample(url: url)).isHTTPS == isHTTPS)
    }

    @Test(arguments: [
        ("http://h/{id}", true), ("http://h?{id}", true), ("http://{id}.example/", false),
        ("http://h:{id}/", false), ("http://h{id}", false),
    ])
    func hasOneHost_whenNoPlaceholderStandsBeforeThePath(url: String, hasOneHost: Bool) {
        #expect(RunningBatch(.sample(url: url)).hasOneHost == hasOneHost)
    }

    @Test func idAndFirstID_areTheBatchs() {
        let batch = RunningBatch(.sample(id: 7, first: 100, count: 5))
        #expect((batch.id, batch.firstID) == (7, 100))
    }
}
