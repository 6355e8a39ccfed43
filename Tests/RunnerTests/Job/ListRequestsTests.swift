import JobStore
import Testing

@testable import Runner

/// The lines of a block of a list, of which only those of jobs that have not ended are kept.
@Suite struct ListRequestsTests {
    private let lines = JobList(
        count: 100,
        request: try! RequestTemplate(parsing: "{}", fields: [""]),  // a literal, and valid
        fields: LineFields([""]))
    private let table = JobList(
        count: 100,
        // A literal, and valid.
        request: try! RequestTemplate(
            parsing: "http://h{host}.test/{id}/{name}", fields: ["host", "name"]),
        fields: LineFields(["host", "name"], key: 1, kept: [1]))

    private func block(_ positions: Range<Int>, _ fields: (Int) -> [String]) -> ListBlock {
        var builder = ListBlockBuilder()
        for position in positions {
            let fields = fields(position)
            builder.beginLine(fields: fields.count)
            for field in fields { Array(field.utf8).withUnsafeBytes { builder.append($0) } }
        }
        return builder.take(first: positions.lowerBound, lane: 3, ListPacker())
    }

    private func texts(of requests: ListRequests, at position: Int) -> [String] {
        var meta: [UInt8] = []
        requests.appendMeta(at: position, after: "", to: &meta)
        return [
            requests.url(at: position), requests.authority(at: position),
            requests.target(at: position) ?? [], requests.key(at: position) ?? [], meta[...],
            Array(requests.method(at: position).rawValue.utf8)[...],
        ].map { String(decoding: $0, as: UTF8.self) } + ["\(requests.id(at: position))"]
    }

    @Test func keptLines_areThoseOfTheirJobs() throws {
        let urls = block(20..<60) { ["http://h\($0 % 7)/\(String(repeating: "x", count: $0))"] }
        let values = block(20..<60) { ["\($0 % 7)", "n-\($0)"] }
        for (block, list) in [(urls, lines), (values, table)] {
            let requests = try #require(try ListRequests(block, of: list, .sample))
            let before = (20..<60).map { texts(of: requests, at: $0) }
            #expect(Set(before).count == 40 && before[0][0].hasPrefix("http://h"))
            let kept = [20, 33, 34, 59]
            requests.keep(kept)
            let byteCount = requests.byteCount
            #expect(byteCount < block.plainByteCount / 4)
            for position in kept {
                #expect(texts(of: requests, at: position) == before[position - 20])
            }
            // And fewer still.
            requests.keep([34])
            #expect(requests.byteCount < byteCount)
            #expect(texts(of: requests, at: 34) == before[14])
        }
    }

    /// A handler may keep the record of a job for as long as it likes.
    @Test func aJobThatKeepsItsLine_hasItWhenOthersAreForgotten() throws {
        let urls = block(0..<40) { ["http://h/\($0)"] }
        let requests = try #require(try ListRequests(urls, of: lines, .sample))
        let batch = Batch(id: 1, source: .list(lines))
        let spans = RequestChunk.spans(of: requests, [0..<40], of: batch, HostTable(), attempt: 1)
        let job = Job(chunk: spans[0].chunk, position: 5, attempt: 1).keepingLine
        requests.keep([7])
        var url: [UInt8] = []
        job.request.appendURL(to: &url)
        #expect(String(decoding: url, as: UTF8.self) == "http://h/5")
        #expect(job.chunk.hostID == spans[0].chunk.hostID && job.id == 5)
    }
}
