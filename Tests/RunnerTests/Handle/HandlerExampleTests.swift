import Glibc
import JobStore
import TestSupport
import Testing

@testable import Runner

/// The handlers of `examples/handlers`, as they stand there.
@Suite(.timeLimit(.minutes(1))) struct HandlerExampleTests {
    private let bench: HandlerBench

    init() throws { bench = try HandlerBench() }

    private static let folder =
        #filePath.split(separator: "/").dropLast(4).reduce("") { $0 + "/" + $1 }
        + "/examples/handlers/"

    private static func isThere(_ command: String) -> Bool {
        system("{ \(command); } >/dev/null 2>&1") == 0
    }

    /// The Python that has lxml, if there is one.
    private static let lxml = ["python3", "/usr/bin/python3"].first {
        isThere("\($0) -c 'import lxml.html'")
    }

    private func handled(_ command: String, _ bodies: [String]) async throws -> [Handled] {
        let handler = try ProcessHandler(ProcessHandlerOptions(command: command))
        var all: [Handled] = []
        for (id, body) in bodies.enumerated() {
            let capture = try bench.sinks.capture(
                body: Array(body.utf8), finalURL: "http://host/a/b")
            all.append(try await handler.handle(bench.sinks.record(.sample(id), .ok, capture)))
        }
        await handler.close()
        return all
    }

    private func text(_ handled: Handled) -> String {
        String(decoding: handled.records, as: UTF8.self)
    }

    private static let page = """
        <html><head><title> A &amp; B </title></head><body><h1>H</h1>
        <a href="c#d">1</a> <a rel="next" href="/e?f=1">2</a> <a href="http://other/">3</a></body></html>
        """

    @Test func pythonWithNothing() async throws {
        let handled = try await handled("python3 \(Self.folder)links.py", [Self.page, ""])
        #expect(text(handled[0]) == #"{"url": "http://host/a/b", "title": "A &amp; B"}"#)
        #expect(handled[0].follow.map(\.url) == ["http://host/a/c", "http://host/e?f=1"])
        #expect(text(handled[1]) == #"{"url": "http://host/a/b", "title": null}"#)
    }

    @Test(.enabled(if: lxml != nil, "lxml is not installed")) func pythonWithLxml() async throws {
        let python = try #require(Self.lxml)
        let large = Self.page + String(repeating: "<p>", count: 400_000)
        let handled = try await handled(
            "\(python) \(Self.folder)titles_lxml.py", [Self.page, large, " "])
        for each in handled[..<2] {
            #expect(text(each) == #"{"title": " A & B ", "h1": "H"}"#)
            #expect(each.follow == [FollowRequest("/e?f=1")])
        }
        #expect(handled[2].verdict == .failed("the page is empty"))
    }

    private static let items = [
        #"{"page":1,"items":[{"a":1},2],"next":"?page=2"}"#, #"{"busy":true}"#,
        #"{"page":2,"items":[]}"#,
    ]

    @Test(.enabled(if: isThere("node --version"), "Node is not installed"))
    func node() async throws {
        let handled = try await handled("node \(Self.folder)items.js", Self.items)
        #expect(text(handled[0]) == #"{"a":1},2"#)
        #expect(handled[0].follow == [FollowRequest("?page=2", key: "page 2")])
        #expect(handled[1].verdict == .retry(after: .seconds(30)))
        #expect(handled[2].recordCount == 0)
    }

    @Test(.enabled(if: isThere("jq --version"), "jq is not installed"))
    func shellWithJq() async throws {
        let handled = try await handled("\(Self.folder)items.sh", Self.items)
        #expect(text(handled[0]) == #"{"a":1},2"#)
        #expect(handled[0].follow == [FollowRequest("?page=2")])
        #expect(handled[1].verdict == .retry(after: .seconds(30)))
        #expect(handled[2].follow.isEmpty)
    }
}
