import Glibc
import TestSupport
import Testing

@testable import Runner

@Suite struct BodyStreamTests {
    private func stream(_ url: String, timeout: Duration = .seconds(20)) throws(BodyStream.Failure)
        -> BodyStream
    {
        var options = FetchOptions()
        options.timeout = timeout
        return try BodyStream(url, options, nil)
    }

    /// Reads all there is, `step` bytes at a time.
    private func text(of body: BodyStream, step: Int = 7) throws(BodyStream.Failure) -> String {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: step, alignment: 1)
        defer { buffer.deallocate() }
        var bytes: [UInt8] = []
        while case let count = try body.read(into: buffer), count > 0 { bytes += buffer[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func theBody_isReadPieceByPiece_andEnds() throws {
        let server = OneAnswerServer(
            answer:
                "HTTP/1.1 200 OK\r\nContent-Length: 20\r\nETag: \"a\"\r\nETag: b\r\n\r\n0123456789abcdefghij rest"
        )
        let body = try stream("http://127.0.0.1:\(server.port)/x?y#z")
        #expect(body.byteCount == 20 && body.field("etag") == "\"a\"" && body.field("x") == nil)
        #expect(try text(of: body) == "0123456789abcdefghij")
        #expect(try text(of: body) == "", "the end stays")
        #expect(server.requests.first?.hasPrefix("GET /x?y HTTP/1.1\r\n") == true)
        #expect(server.requests.first?.contains("\r\nUser-Agent: runner\r\n") == true)
        #expect(server.requests.first?.contains("Accept-Encoding") == false)
    }

    @Test(arguments: [
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "bytes remaining", true),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            "cannot be fetched: ", true
        ),
        ("HTTP/1.1 200 OK\r\n folded: x\r\n\r\n", "no valid head", true),
        ("HTTP/1.1 2000 OK\r\n\r\n", "cannot be fetched: ", true),
        (
            "HTTP/1.1 200 OK\r\nX: \(String(repeating: "x", count: 99_000))\r\nY: \(String(repeating: "x", count: 99_000))\r\nZ: \(String(repeating: "x", count: 99_000))\r\nW: \(String(repeating: "x", count: 99_000))\r\n\r\n",
            "too large a head", false
        ),
        ("HTTP/1.1 204 No Content\r\n\r\n", "answers with 204", false),
        ("HTTP/1.1 206 Partial Content\r\nContent-Length: 1\r\n\r\na", "answers with 206", false),
        ("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", "answers with 302", false),
        (
            "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n", "redirects to a place",
            false
        ),
        (
            "HTTP/1.1 503 No\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", "answers with 503",
            true
        ),
        ("", "cannot be fetched: ", true),
        ("SSH-2.0-x\r\n\r\n", "cannot be fetched: ", true),
    ])
    func whatIsNoWholeBody_isAFailure(answer: String, problem: String, isWorthRetrying: Bool) {
        let server = OneAnswerServer(answer: answer)
        let failure = #expect(throws: BodyStream.Failure.self) {
            try text(of: try stream("http://127.0.0.1:\(server.port)/"))
        }
        #expect(failure?.problem.contains(problem) == true, "\(failure?.problem ?? "")")
        #expect(failure?.isWorthRetrying == isWorthRetrying)
        #expect(failure?.retryAfter == (answer.contains("Retry-After") ? .seconds(7) : nil))
    }

    @Test func aServerThatSaysNothing_isGivenUp() throws {
        // The kernel takes the connection, and nobody answers.
        let silent = BoundSocket().listening(backlog: 4)
        defer { close(silent.descriptor) }
        let failure = #expect(throws: BodyStream.Failure.self) {
            try stream("http://127.0.0.1:\(silent.port)/", timeout: .milliseconds(1200))
        }
        #expect(failure?.problem == "has sent nothing for 1 s")
        #expect(failure?.isWorthRetrying == true)
    }

    @Test func credentials_stayWithTheirOrigin() throws {
        let other = OneAnswerServer(answer: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        let server = OneAnswerServer(
            answer: "HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:\(other.port)/to\r\n\r\n")
        let body = try stream("http://u:p@127.0.0.1:\(server.port)/")
        #expect(try text(of: body) == "ok")
        #expect(server.requests.first?.contains("\r\nAuthorization: Basic dTpw\r\n") == true)
        #expect(other.requests.first?.contains("Authorization") == false)
    }
}
