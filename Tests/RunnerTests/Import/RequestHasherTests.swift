import JobStore
import Lists
import TestSupport
import Testing

@testable import Runner

/// Requests are the same when all that a list sends for them is.
@Suite struct RequestHasherTests {
    private let key = RequestHash.Key(first: 1, second: 2)
    private let jsonFields = LineFields(
        ["url", "method", "headers", "body", "key", "meta"], key: 4,
        parts: .init(method: 1, headers: 2, body: 3, meta: 5))

    /// The hash of a line of URLs alone.
    private func hash(
        _ url: String, _ method: HTTPMethod = .get, _ headers: [HeaderSource] = [],
        _ body: BodyTemplate? = nil
    ) throws -> RequestHash {
        try hash(
            ["url": url],
            RequestTemplate(
                parsing: "{url}", fields: ["url"], method: method, headers: headers, body: body),
            LineFields(["url"]))
    }

    /// The hash of a line of JSON.
    private func hash(
        json line: [String: String], _ method: HTTPMethod = .get, _ headers: [HeaderSource] = [],
        _ body: BodyTemplate? = nil
    ) throws -> RequestHash {
        try hash(
            line.merging(["url": "http://h/"]) { own, _ in own },
            RequestTemplate(
                parsing: "{url}", fields: jsonFields.names, method: method, headers: headers,
                body: body),
            jsonFields)
    }

    private func hash(
        _ line: [String: String], _ request: RequestTemplate, _ fields: LineFields,
        at position: Int = 0
    ) throws -> RequestHash {
        let values = fields.names.map { name in line[name].map { ArraySlice($0.utf8) } }
        let list = JobList(count: 1, request: request, fields: fields)
        var hasher = RequestHasher(request, fields, key)
        return list.url(of: values, at: position).withUnsafeBytes {
            hasher.hash($0, hasher.readsLines ? values : [], at: position)
        }
    }

    private func field(_ text: String, isReference: Bool = false) throws -> HeaderSource {
        .field(try HeaderTemplate(parsing: text, readsEnvironment: isReference))
    }

    @Test func requests_thatAreTheSame_haveOneHash() throws {
        let plain = try hash("http://h/")
        #expect(try hash("HTTP://H:80") == plain)
        #expect(try hash(json: [:]) == plain)
        #expect(try hash(json: ["method": "GET", "key": "7", "meta": "[1]"]) == plain)
        #expect(try hash(json: ["method": "GET"], .put) == plain)
        let templated = try RequestTemplate(parsing: "http://{host}/", fields: ["host"])
        #expect(try hash(["host": "h"], templated, LineFields(["host"])) == plain)

        let headed = try hash("http://h/", .get, [field("A: 1"), field("B: 2")])
        #expect(try hash("http://h/", .get, [field("b: 2"), field("a:  1 ")]) == headed)
        #expect(try hash(json: ["headers": "B: 2\nA: 1\n"]) == headed)
        #expect(
            try hash(json: ["headers": "B: 2\n"], .get, [field("b: 0"), field("A: 1")]) == headed)
        let column = try RequestTemplate(
            parsing: "{url}", fields: ["url", "b"], headers: [field("A: 1"), field("B: {b}")])
        #expect(
            try hash(["url": "http://h/", "b": "2"], column, LineFields(["url", "b"])) == headed)

        let posted = try hash("http://h/", .post, [], BodyTemplate(Array("x".utf8), .raw))
        #expect(try hash(json: ["method": "POST", "body": "x"]) == posted)
        #expect(try hash(json: ["body": "x"], .post, [], BodyTemplate([7], .raw)) == posted)
        let escaped = try RequestTemplate(
            parsing: "{url}", fields: ["url", "b"], method: .post,
            body: BodyTemplate(Array("\"{b}\"".utf8), .json))
        #expect(
            try hash(["url": "http://h/", "b": "\""], escaped, LineFields(["url", "b"]))
                == hash(json: ["body": #""\"""#], .post))
    }

    @Test func requests_thatDiffer_haveOtherHashes() throws {
        let requests = try [
            hash("http://h/"), hash("http://h/a"), hash("https://h/"), hash("http://u@h/"),
            hash("http://h/", .head), hash("http://h/", HTTPMethod(rawValue: "get")),
            hash("http://h/", .get, [field("A: 1")]), hash("http://h/", .get, [field("A: 2")]),
            hash("http://h/", .get, [field("A;")]), hash("http://h/", .get, [field("A:")]),
            hash("http://h/", .get, [field("A: 1"), field("A: 2")]),
            hash("http://h/", .get, [field("A: 2"), field("A: 1")]),
            hash("http://h/", .get, [field("A: $B")]),
            hash("http://h/", .get, [field("A: $B", isReference: true)]),
            hash("http://h/", .get, [.file(path: "a")]),
            hash("http://h/", .get, [.file(path: "b")]),
            hash("http://h/", .get, [], BodyTemplate([], .raw)),
            hash("http://h/", .get, [], BodyTemplate([1], .raw)),
            hash(json: ["headers": "A: 1\nB: 2"]), hash(json: ["headers": "A: 1B: 2"]),
            hash(json: ["body": "A: 1"]), hash(json: ["method": "A"]),
        ]
        #expect(Set(requests).count == requests.count)
        // Another key, other hashes.
        var other = RequestHasher(
            try RequestTemplate(parsing: "{url}", fields: ["url"]), LineFields(["url"]),
            RequestHash.Key(first: 1, second: 3))
        let foreign = Array("http://h/".utf8).withUnsafeBytes { other.hash($0, []) }
        #expect(!requests.contains(foreign))
    }

    @Test func ids_areOfTheirPosition() throws {
        let request = try RequestTemplate(parsing: "http://h/{id}?{a}", fields: ["a", "b"])
        let hashes = try (0..<3).map {
            try hash(["a": "x"], request, LineFields(["a", "b"]), at: $0)
        }
        #expect(Set(hashes).count == 3)
        #expect(try hashes[2] == hash("http://h/2?x"))
    }

    @Test(
        arguments: [
            ("http://h/{id}?{a}", [], nil), ("http://h/{a}", ["X: {id}"], nil),
            ("http://h/{a}", [], "{id:08}"), ("{a}", ["X: {id}"], nil),
        ] as [(String, [String], String?)])
    func requestsWithAnID_haveNoDuplicates(url: String, headers: [String], body: String?) throws {
        var options = ImportOptions()
        options.url = url
        options.headers = try headers.map { try field($0) }
        options.body = body.map { BodyTemplate(Array($0.utf8), .raw) }
        options.method = .post
        _ = try ImportPlan(options, .csv, columns: ["a", "b"], of: "list")
        options.isUnique = true
        let error = #expect(throws: ImportError.self) {
            _ = try ImportPlan(options, .csv, columns: ["a", "b"], of: "list")
        }
        #expect(error?.description.contains("{id}") == true)
        // A column of that name is a value like others.
        _ = try ImportPlan(options, .csv, columns: ["a", "id"], of: "list")
    }
}

@Suite struct HeldLinesTests {
    /// Lines come out as a set would have them, the first of each hash, in order.
    @Test func lines_areLeftOnce_inOrder() throws {
        var random = SeededGenerator(seed: testSeed(for: "lines_areLeftOnce_inOrder"))
        var held = HeldLines()
        var dropped = 0
        for round in 0..<20 {
            let numbers = (0..<Int.random(in: 0...400, using: &random)).map { _ in
                UInt64.random(in: 0...300, using: &random)
            }
            for (index, number) in numbers.enumerated() {
                held.hold(RequestHash(high: 5, low: number), lane: index % 7) { builder in
                    builder.beginLine(fields: 1)
                    Array("\(round) \(number) \(index)".utf8).withUnsafeBytes { builder.append($0) }
                }
            }
            let known = Set<UInt64>((0...300).filter { _ in Bool.random(using: &random) })
            let hashes = held.distinctHashes()
            #expect(hashes.map(\.low) == Set(numbers).sorted())
            held.drop(known: hashes.map { known.contains($0.low) })
            var (seen, expected) = (known, [String]())
            for (index, number) in numbers.enumerated() where seen.insert(number).inserted {
                expected.append("\(round) \(number) \(index)")
            }
            var (left, lanes) = ([String](), [Int]())
            while let line = held.next() {
                var builder = ListBlockBuilder()
                builder.append(lineAt: line.bytes, of: held.lines)
                let block = builder.take(first: 0, lane: 0, ListPacker())
                let field = try #require(block.lines()?.firstField(ofLine: 0))
                left.append(String(decoding: field, as: UTF8.self))
                lanes.append(line.lane)
            }
            #expect(left == expected)
            #expect(lanes == expected.map { Int($0.split(separator: " ")[2])! % 7 })
            dropped += numbers.count - expected.count
            #expect(held.dropped == dropped)
        }
    }
}
