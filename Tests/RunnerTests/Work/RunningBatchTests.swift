import Testing

@testable import Runner

@Suite struct RunningBatchTests {
    @Test(arguments: [
        ("http://h/{id}", ["http://h/", ""]),
        ("http://h/{}", ["http://h/", ""]),
        ("http://h/a{id}b", ["http://h/a", "b"]),
        ("http://h/{id}/{}?n={id}", ["http://h/", "/", "?n=", ""]),
        ("http://h/{id}{id}", ["http://h/", "", ""]),
        ("http://h/ü/{id}", ["http://h/ü/", ""]),
    ])
    func urlParts_areTheBytesAroundThePlaceholders(url: String, parts: [String]) {
        #expect(RunningBatch(.sample(url: url)).urlParts == parts.map { Array($0.utf8) })
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
