import NIOCore

extension Request {
    /// The steps that answer this request wrongly.
    func script(for fault: Fault) -> Script {
        switch fault {
        case .slowHeaders(let interval):
            [.stream(trickle(head(200, fields: [("Content-Length", "3")])), interval: interval)]
                + body(.text("OK\n"))
        case .slowBody(let interval, let bytes):
            [.bytes(head(200, fields: [("Content-Length", String(bytes))]))]
                + body(.stream(slowLines(bytes: bytes), interval: interval))
        case .endless:
            [.bytes(head(200, fields: [("Transfer-Encoding", "chunked")]))]
                + body(.stream(ChunkedSource(lines(bytes: .max))))
        case .endlessHeaders:
            [
                .text("HTTP/1.1 200 OK\r\n"),
                .stream(
                    PatternSource(
                        repeating: ByteBuffer(string: "X-Endless: \(id ?? 0)\r\n"), bytes: .max)),
            ]
        case .reset(let stage):
            script(forResetAt: stage)
        case .close:
            [.close]
        case .closeIdle:
            answer(200) + [.close]
        case .silent:
            [.hang]
        case .nulHeader:
            answer(200, fields: [("X-Nul", "before\0after")])
        case .escape:
            escapeScript()
        case .bigHeader(let kilobytes):
            bigHeaderScript(bytes: kilobytes * 1024)
        case .badStatusLine:
            [.text("this is no status line\r\n\r\n"), .close]
        case .badGzip:
            answer(200, fields: [("Content-Encoding", "gzip")], text: "this is not gzip\n")
        case .badChunk:
            [.bytes(head(200, fields: [("Transfer-Encoding", "chunked")]))]
                + body(.text("zz\r\nno hex\r\n0\r\n\r\n"))
        case .cutChunked:
            [.bytes(head(200, fields: [("Transfer-Encoding", "chunked")]))]
                + body(.text("64\r\n"), .stream(lines(bytes: 50))) + [.close]
        case .cutBody, .longLength, .shortLength, .twoLengths, .negativeLength:
            script(forLengthFault: fault)
        }
    }

    private func script(forLengthFault fault: Fault) -> Script {
        func answer(lengths: String..., bytes: Int) -> Script {
            [.bytes(head(200, fields: lengths.map { ("Content-Length", $0) }))]
                + body(.stream(lines(bytes: bytes)))
        }
        return switch fault {
        case .cutBody: answer(lengths: "1000", bytes: 500) + [.close]
        case .longLength: answer(lengths: "1000", bytes: 10) + [.hang]
        case .shortLength: answer(lengths: "10", bytes: 1000) + [.close]
        case .twoLengths: answer(lengths: "10", "20", bytes: 10)
        // A client that takes this for no length reads to the end, so there has to be one.
        case .negativeLength: answer(lengths: "-5", bytes: 10) + [.close]
        default: preconditionFailure("only called for the faults of length above")
        }
    }

    private func script(forResetAt stage: Fault.ResetStage) -> Script {
        // Without the pause the RST could overtake what was written, as it drops what the kernel
        // has not sent yet.
        let settled = Step.pause(.milliseconds(20))
        let head = head(200, fields: [("Content-Length", "1000")])
        return switch stage {
        case .request: [.reset]
        case .status: [.text("HTTP/1."), settled, .reset]
        case .headers: [.bytes(head), settled, .reset]
        case .body: [.bytes(head)] + body(.stream(lines(bytes: 500))) + [settled, .reset]
        }
    }

    /// Colours, a window title and a cleared screen for whoever prints it unescaped.
    private func escapeScript() -> Script {
        answer(
            200, reason: "\u{1B}[31mOK\u{1B}]0;title\u{7}",
            fields: [("X-Escape", "\u{1B}[2J\u{1B}[H\u{1B}[31mred")])
    }

    private func bigHeaderScript(bytes: Int) -> Script {
        let letters = PatternSource(repeating: ByteBuffer(string: "a"), bytes: bytes)
        // Room for the field is made by taking the empty line off the end of the head.
        var head = head(200, fields: [("Content-Length", "3")])
        head.moveWriterIndex(to: head.writerIndex - 2)
        head.writeString("X-Big: ")
        return [.bytes(head), .stream(letters), .text("\r\n\r\n")] + body(.text("OK\n"))
    }

    private func trickle(_ bytes: ByteBuffer) -> PatternSource {
        PatternSource(repeating: bytes, bytes: bytes.readableBytes, pieceBytes: 1)
    }

    private func slowLines(bytes: Int) -> PatternSource {
        PatternSource(repeating: ByteBuffer(string: "\(id ?? 0)\n"), bytes: bytes, pieceBytes: 1)
    }
}
