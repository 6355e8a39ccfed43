import JobStore
import TestSupport
import Testing

@testable import Runner

@Suite struct AnswerConditionsTests {
    private let storage = CaptureStorage(
        budget: MemoryBudget(bytesMax: 1 << 20), spool: Spool { -1 }, folder: "none")

    private func capture(
        _ body: [UInt8], _ fields: String = "", storage: CaptureStorage? = nil
    ) throws -> Capture {
        let capture = Capture(storage ?? self.storage)
        for line in ["HTTP/1.1 200 OK\r\n"] + fields.split(separator: "|").map({ "\($0)\r\n" }) {
            try Array(line.utf8).withUnsafeBytes { try capture.append(head: $0) }
        }
        try body.withUnsafeBytes { try capture.append(body: $0) }
        return capture
    }

    private func conditions(
        retry: String = "", fail: String = "", isEncodingKept: Bool = false
    ) throws -> AnswerConditions {
        let rules = try JudgingRules([
            .retry: JudgingItem.list(retry), .fail: JudgingItem.list(fail),
        ])
        return try #require(AnswerConditions(rules, isEncodingKept: isEncodingKept))
    }

    @Test func rulesWithoutConditions_needNone() throws {
        #expect(AnswerConditions(JudgingRules(), isEncodingKept: false) == nil)
        let rules = try JudgingRules([.retry: JudgingItem.list("403,network")])
        #expect(AnswerConditions(rules, isEncodingKept: false) == nil)
    }

    @Test(arguments: [
        ("quota", "the quota is used up", true), ("quota", "QUOTA", false),
        ("[Qq]uota|limit", "no Limit, no Quota", true), ("^err", "no\nerr", true),
        ("^err", "no err", false), ("end$", "end\nno", true), ("a.b", "a\nb", false),
        ("a.b", "a\0b", false), ("a[^x]b", "a\0b", true), ("b$", "a\0b", true),
        ("\u{E9}", "caf\u{E9}", true),
        ("^$", "", true), ("x", "", false),
        ("\"status\": ?\"error\"", "{\"status\":\"error\"}", true),
    ])
    func body_isSearched(pattern: String, body: String, matches: Bool) throws {
        let verdict = try conditions(retry: "body~\(pattern)").verdict(
            on: 200, capture(Array(body.utf8)))
        #expect(verdict == (matches ? .retry : nil))
    }

    @Test func body_isSearched_behindANul_andUpToItsBound() throws {
        let conditions = try conditions(retry: "body~x")
        for place in [0, 1, 5000, AnswerConditions.bodyBytesMax - 1, AnswerConditions.bodyBytesMax]
        {
            var body = [UInt8](repeating: 0, count: AnswerConditions.bodyBytesMax + 1)
            body[place] = UInt8(ascii: "x")
            let verdict = try conditions.verdict(on: 200, capture(body))
            #expect((verdict == .retry) == (place < AnswerConditions.bodyBytesMax), "\(place)")
        }
    }

    @Test func body_isReadBack_fromTheTemporaryFile() throws {
        let folder = Folder()
        let spooled = try CaptureStorage(folder: folder.path, memoryBytesMax: 0, workers: 1)
        var body = [UInt8](repeating: 0x61, count: 50_000)
        body[49_000] = UInt8(ascii: "x")
        let capture = try capture(body, storage: spooled)
        #expect(!capture.isInMemory)
        #expect(try conditions(retry: "body~x").verdict(on: 200, capture) == .retry)
        #expect(try conditions(retry: "body~z").verdict(on: 200, capture) == nil)
    }

    /// As WARC files keep bodies.
    @Test func body_isDecoded_whereItsCodingIsKept() throws {
        let gzipped = gzipMember(Array(repeating: 0x61, count: 100_000) + Array("quota".utf8))
        let small = gzipMember(Array("this is the quota".utf8))
        let fields = "Content-Encoding: gzip"
        let conditions = try conditions(retry: "body~quota", isEncodingKept: true)
        #expect(try conditions.verdict(on: 200, capture(small, fields)) == .retry)
        #expect(try conditions.verdict(on: 200, capture(gzipped, fields)) == nil)
        #expect(try conditions.verdict(on: 200, capture(Array("quota".utf8))) == .retry)
        // Not gzip: nothing can be read of it.
        #expect(try conditions.verdict(on: 200, capture(Array("quota".utf8), fields)) == nil)
    }

    @Test(arguments: [
        ("Content-Type: application/json", true), ("content-type:Application/JSON", true),
        ("CONTENT-TYPE: application/json ; charset=utf-8", true), ("X: y", false), ("", false),
        ("Content-Type: text/html|Content-Type: application/json", true),
        ("Content-Type: application/json|Content-Type: text/html", false),
        ("Content-Type: application/jsonl", false), ("Content-Type:", false),
    ])
    func type_isThatOfTheLastContentType(fields: String, isJSON: Bool) throws {
        let capture = try capture([], fields)
        let same = try conditions(retry: "type=application/json").verdict(on: 200, capture)
        #expect(same == (isJSON ? .retry : nil))
        let other = try conditions(fail: "type!=application/json").verdict(on: 200, capture)
        #expect(other == (isJSON ? nil : .fail))
    }

    /// A proxy's page is no reason to give a job up; a body that says so is.
    @Test func anAnswerThatIsTriedAgain_isNotAskedWhichTypeItLacks() throws {
        let capture = try capture(Array("quota".utf8), "Content-Type: text/html")
        let lacks = try conditions(fail: "type!=application/json")
        #expect(try lacks.verdict(on: 503, capture) == nil)
        #expect(try lacks.verdict(on: 404, capture) == .fail)
        #expect(try conditions(fail: "body~quota").verdict(on: 503, capture) == .fail)
        #expect(try conditions(fail: "type=text/html").verdict(on: 503, capture) == .fail)
    }

    @Test func aConditionThatFails_countsBeforeOneThatRetries() throws {
        let capture = try capture(Array("quota".utf8), "Content-Type: text/html")
        let both = try conditions(retry: "body~quota", fail: "type=text/html")
        #expect(try both.verdict(on: 200, capture) == .fail)
        let second = try conditions(retry: "body~quota", fail: "type=text/plain")
        #expect(try second.verdict(on: 200, capture) == .retry)
    }
}
