import Testing

@testable import Runner

@Suite struct ResponseHeadTests {
    /// What becomes of each line, until one is refused.
    private func lines(_ text: String, bytesMax: Int = 1000) -> (
        [ResponseHead.Line], ResponseHead, ResponseHead.Refusal?
    ) {
        var head = ResponseHead(bytesMax: bytesMax)
        var kinds: [ResponseHead.Line] = []
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let end = rest.firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? rest.endIndex
            let line = Array(rest[..<end])
            rest = rest[end...]
            do throws(ResponseHead.Refusal) {
                // As libcurl gives them to a write function: in pieces.
                for start in stride(from: 0, to: line.count, by: 7) {
                    let piece = Array(line[start..<min(line.count, start + 7)])
                    try piece.withRawBytes { (piece) throws(ResponseHead.Refusal) in
                        try head.check(piece)
                    }
                }
                try line.withRawBytes { (line) throws(ResponseHead.Refusal) in
                    kinds.append(try head.take(line))
                }
            } catch {
                return (kinds, head, error)
            }
        }
        return (kinds, head, nil)
    }

    @Test func take_tellsLinesApart_andTrailersFromFields() {
        let (kinds, head, _) = lines("HTTP/1.1 200 OK\r\nA: 1\r\n b\r\n\r\nT: 2\r\n")
        #expect(kinds == [.status, .field, .field, .end, .trailer])
        #expect(head.isWhole && head.status == 200)
    }

    @Test func isWhole_onlyAfterTheFinalHead() {
        let (kinds, head, _) = lines("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\r\nL: 1\r\n\r\n")
        #expect(kinds == [.status, .end, .status, .field, .end])
        #expect(!head.isWhole)
        #expect(lines("HTTP/1.1 103 x\n\nHTTP/2 404 \n\n").1.isWhole)
        #expect(lines("HTTP/1.1 101 Switching\r\n\r\n").1.isWhole)
        #expect(!lines("HTTP/1.1 200 OK\r\nA: 1\r\n").1.isWhole)
    }

    @Test func aFieldCalledLikeAStatusLine_isAField() {
        let (kinds, head, _) = lines("HTTP/1.1 200 OK\r\nHTTP/1.1 500: b\r\n\r\n")
        #expect(kinds == [.status, .field, .end] && head.status == 200)
    }

    @Test(arguments: [" X: a\r\n", "\tX: a\r\n", " \r\n"])
    func check_refusesABlankFirst(line: String) {
        for before in ["HTTP/1.1 200 OK\r\n", "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\n"] {
            #expect(lines(before + line).2 == .foldedFirst)
        }
        // A field that goes on is none of that, nor a piece amid a line.
        #expect(lines("HTTP/1.1 200 OK\r\nA: 12 345\r\n" + line).2 == nil)
        #expect(lines("HTTP/1. 200 OK\r\nA:  1\r\n").2 == nil)
    }

    @Test func check_boundsAllLinesTogether() {
        let field = "A: " + String(repeating: "a", count: 95) + "\r\n"
        let head = "HTTP/1.1 200 OK\r\n" + String(repeating: field, count: 9)
        #expect(lines(head).2 == nil)
        #expect(lines(head + field).2 == .tooLarge)
        #expect(lines(head, bytesMax: 916).2 == .tooLarge)
        let interim = String(repeating: "HTTP/1.1 100 C\r\n\r\n", count: 100)
        #expect(lines(interim).2 == .tooLarge)
    }

    @Test(arguments: [("HTTP/1.1 007 x", 7), ("HTTP/1.1", 0), ("HTTP/1.1 ab", 0), ("x 200x", 200)])
    func status_isTheNumberAfterTheFirstBlank(line: String, status: Int) {
        #expect(lines(line + "\r\n").1.status == status)
    }

    @Test(arguments: ["HTTP/1.1 2000 OK\r\n", "HTTP/1.1 65736\n", "HTTP/2 1000\r\n"])
    func take_refusesAStatusOfMoreThanThreeDigits(line: String) {
        #expect(lines(line).2 == .longStatus)
        #expect(lines("HTTP/1.1 100 C\r\n\r\n" + line).2 == .longStatus)
    }
}
