import JobStore
import Testing

@testable import Runner

/// What a response is taken for, piece by piece as libcurl gives it.
@Suite struct IncomingResponseTests {
    private let settings: TransferSettings

    init() {
        var options = FetchOptions()
        options.bodyBytesMax = 1000
        settings = TransferSettings(options)
    }

    /// What became of a response.
    private struct Result {
        let fault, faultAtEnd: Response.Failure?
        let bodyBytes: Int
        let leadsOn, isAbandoned: Bool
        let isTaken: Bool

        init(_ incoming: borrowing IncomingResponse, isTaken: Bool, to method: HTTPMethod) {
            (fault, faultAtEnd) = (incoming.fault, incoming.faultAtEnd(of: method))
            bodyBytes = incoming.bodyBytes
            (leadsOn, isAbandoned) = (incoming.leadsOn, incoming.isAbandoned)
            self.isTaken = isTaken
        }
    }

    /// Feeds a head, line by line, and a body, as far as both are taken.
    private func response(
        _ head: String, body: [UInt8] = [], to method: HTTPMethod = .get
    ) -> Result {
        var incoming = IncomingResponse(settings)
        var line: [UInt8] = []
        for byte in head.utf8 {
            line.append(byte)
            guard byte == UInt8(ascii: "\n") else { continue }
            let isTaken = line.withUnsafeBytes { line in
                (!settings.checksHeadsAhead || incoming.check(piece: line))
                    && incoming.take(line: line)
            }
            if !isTaken { return Result(incoming, isTaken: false, to: method) }
            line = []
        }
        let isTaken = body.isEmpty || body.withUnsafeBytes { incoming.take(body: $0) }
        return Result(incoming, isTaken: isTaken, to: method)
    }

    private static let ok = "HTTP/1.1 200 OK\r\n"
    private static let gzip: [UInt8] = [
        0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 2, 3, 0x4B, 4, 0, 0x43, 0xBE, 0xB7, 0xE8, 1, 0, 0, 0,
    ]

    @Test func aWholeResponse_hasNoFault() {
        let plain = response(Self.ok + "Content-Length: 3\r\n\r\n", body: [1, 2, 3])
        #expect(plain.fault == nil && plain.faultAtEnd == nil && plain.bodyBytes == 3)
        let gzip = response(Self.ok + "content-encoding: gzip\r\n\r\n", body: Self.gzip)
        #expect(gzip.fault == nil && gzip.faultAtEnd == nil && gzip.bodyBytes == 1)
        let transfer = response(
            Self.ok + "Transfer-Encoding: gzip, chunked\r\n\r\n", body: Self.gzip)
        #expect(transfer.faultAtEnd == nil && transfer.bodyBytes == 1)
    }

    @Test func whatIsCut_isABadResponse() {
        let bad = Response.Failure.reason(.badResponse)
        #expect(response(Self.ok + "A: b\r\n").faultAtEnd == bad)
        let encoded = Self.ok + "Content-Encoding: gzip\r\n\r\n"
        #expect(response(encoded, body: Array(Self.gzip.dropLast())).faultAtEnd == bad)
        #expect(response(encoded).faultAtEnd == bad, "nothing, and no end told")
        let framed = Self.ok + "Content-Encoding: br\r\nContent-Length: 0\r\n\r\n"
        #expect(response(framed).faultAtEnd == nil)
    }

    /// Some have no body by definition, whatever their fields say of one.
    @Test func whatHasNoBody_isWhole_whateverItsCoding() {
        let fields = "Content-Encoding: gzip\r\n\r\n"
        for status in ["204 No Content", "304 Not Modified"] {
            #expect(response("HTTP/1.1 \(status)\r\n" + fields).faultAtEnd == nil)
            #expect(
                response("HTTP/1.1 \(status)\r\nContent-").faultAtEnd == .reason(.badResponse))
        }
        #expect(response(Self.ok + fields, to: .head).faultAtEnd == nil)
        #expect(response(Self.ok + fields, to: .post).faultAtEnd == .reason(.badResponse))
    }

    @Test func codings_thatAreUnknown_areRefused_whenABodyComes() {
        let head = Self.ok + "Content-Encoding: rot13\r\n\r\n"
        #expect(response(head, body: [1]).fault == .reason(.badResponse))
        #expect(response(Self.ok + "Content-Encoding: none\r\n\r\n", body: [1]).fault == nil)
    }

    @Test(arguments: ["Content-Encoding: br,br", "Transfer-Encoding: gzip"])
    func codings_ofManyFields_areCountedTogether(field: String) {
        let head = Self.ok + String(repeating: field + "\r\n", count: 6) + "\r\n"
        #expect(response(head, body: [1]).fault == .reason(.badResponse))
    }

    @Test(arguments: [
        (301, true), (302, true), (303, true), (307, true), (308, true), (300, false),
        (304, false), (305, false), (306, false), (200, false), (201, false), (309, false),
    ])
    func leadsOn_forTheFiveRedirectsAlone(status: Int, leads: Bool) {
        let head = "HTTP/1.1 \(status) x\r\nContent-Length: 0\r\n"
        #expect(response(head + "Location: /x\r\n\r\n").leadsOn == leads)
        #expect(!response(head + "\r\n").leadsOn)
        #expect(!response(head + "Location: \r\n\r\n").leadsOn)
    }

    @Test func aRedirect_isNotWaitedFor_whereItsConnectionEnds_orItsBodyDoesNot() {
        let head = "HTTP/1.1 302 x\r\nLocation: /x\r\n"
        let unframed = response(head + "\r\n")
        #expect(unframed.isAbandoned && !unframed.isTaken && unframed.faultAtEnd == nil)
        let closing = response(head + "Content-Length: 5\r\nConnection: close\r\n\r\n")
        #expect(closing.isAbandoned)
        let kept = response(head + "Content-Length: 5\r\n\r\n", body: [1, 2, 3, 4, 5])
        #expect(!kept.isAbandoned && kept.fault == nil)
        // More than a body may have: it is nobody's body.
        let large = response(
            head + "Content-Length: 2000\r\n\r\n", body: Array(repeating: 1, count: 1001))
        #expect(large.isAbandoned && large.fault == nil)
    }

    @Test func aHead_isTakenForItself_whenHeadsCameBefore() {
        let last = response(
            "HTTP/1.1 103 x\r\nLocation: /x\r\nContent-Encoding: br\r\n\r\n" + Self.ok
                + "Content-Length: 1\r\n\r\n", body: [1])
        #expect(last.faultAtEnd == nil && !last.leadsOn && last.bodyBytes == 1)
    }

    @Test func aBodyBeyondItsLimit_isTooLarge() {
        let large = response(Self.ok + "\r\n", body: Array(repeating: 1, count: 1001))
        #expect(large.fault == .reason(.tooLarge) && !large.isTaken)
    }

    @Test func trailers_countIntoTheHead() {
        let trailer = "T: " + String(repeating: "t", count: 10_000) + "\r\n"
        let endless = response(
            Self.ok + "Transfer-Encoding: chunked\r\n\r\n" + String(repeating: trailer, count: 40))
        #expect(endless.fault == .reason(.tooLarge) && !endless.isTaken)
    }
}
