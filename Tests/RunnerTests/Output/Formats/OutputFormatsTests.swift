import Testing

@testable import Runner

@Suite struct OutputFormatsTests {
    @Test(arguments: [
        ("responses-00001.jsonl", "jsonl", 1), ("responses-00012.jsonl.gz", "jsonl.gz", 12),
        ("responses-123456.warc.gz", "warc", 123_456), ("index.jsonl", "files", 1),
        ("index-00002.jsonl", "files", 2),
    ])
    func name_isRead(_ name: String, format: String, number: Int) {
        #expect(OutputFormats.standard.number(ofFile: name) == number)
        let formats = OutputFormats.standard.all.filter { $0.fileNames.number(of: name) != nil }
        #expect(formats.map(\.name) == [format])
        #expect(formats.first?.fileNames.name(of: number, isFirst: number == 1) == name)
    }

    @Test(arguments: [
        "", "responses-1.jsonl", "responses-00001.json", "responses-00000.jsonl", "bodies",
        "../responses-00001.jsonl", "responses-0000/.jsonl", "responses-+0001.jsonl",
        "index-.jsonl",
        "responses-00001.jsonl~", "responses-99999999999999999999.jsonl",
    ])
    func name_isNotOurs(_ name: String) {
        #expect(OutputFormats.standard.number(ofFile: name) == nil)
    }
}
