import Glibc
import Runner
import TestSupport
import Testing

@testable import WebView

/// The server itself, asked over connections.
@Suite struct WebServerTests {
    /// A queue that does what it is asked for once it may.
    private final class SlowQueue: WatchedQueue {
        let title = "a.db"
        let monitor = RunMonitor()
        let facts = QueueFacts()
        let (asked, ask) = AsyncStream.makeStream(of: Void.self)
        let (gate, open) = AsyncStream.makeStream(of: Void.self)

        func perform(_ action: QueueAction) async throws(ActionRefusal) -> ActionResult {
            ask.finish()
            for await _ in gate {}
            return ActionResult(text: "done", command: "runner pause")
        }
    }

    private let token = WebToken()
    private let queue = SlowQueue()

    private func serve() async throws -> WebServer {
        let options = WebOptions(
            address: "127.0.0.1", port: 0, hostNames: [], token: token, version: "1",
            isOwnProcess: true)
        return try await WebServer(options, of: [queue])
    }

    /// Asks for a pause on a thread of its own, since that waits.
    private func pause(at port: Int) -> Task<String?, Never> {
        let request = [
            "POST /do/pause HTTP/1.1", "Host: localhost", "Sec-Fetch-Site: same-origin",
            "Authorization: Bearer \(token.text)", "Content-Length: 0", "", "",
        ].joined(separator: "\r\n")
        return Task.detached { httpAsk(port: port, request) }
    }

    @Test(.timeLimit(.minutes(1)))
    func whatIsBeingDone_isAnswered_beforeTheServerEnds() async throws {
        let server = try await serve()
        let answer = pause(at: server.port)
        for await _ in queue.asked {}
        let stop = Task { await server.stop() }
        // It takes no more connections, and so is about to end.
        while let other = connectedSocket(port: server.port) {
            close(other)
            await Task.yield()
        }
        queue.open.finish()
        let text = try #require(await answer.value)
        #expect(text.hasPrefix("HTTP/1.1 200 ") && text.contains("\"text\":\"done\""), "\(text)")
        await stop.value
    }

    @Test(.timeLimit(.minutes(1)))
    func connectionsOfStrangers_takeNobodysAnswer() async throws {
        let server = try await serve()
        let answer = pause(at: server.port)
        for await _ in queue.asked {}
        var others: [Int32] = []
        for _ in 0..<3 * Connections.countMax {
            others.append(try #require(connectedSocket(port: server.port)))
        }
        // Answered after all of them were taken in.
        #expect(httpGet(port: server.port, "/healthz") == "ok\n")
        queue.open.finish()
        let end = Task { await server.stop() }
        let text = try #require(await answer.value)
        #expect(text.contains("\"text\":\"done\""), "\(text)")
        for other in others { close(other) }
        await end.value
    }
}
