import NIOCore

/// Answers whose contents are what matters.
extension Request {
    /// A `MixedBody`, delivered as its ID decides; unpacked when gzip was not asked for.
    func mixedScript() -> Script {
        let mixed = MixedBody(id: id ?? 0)
        let fields = [("Content-Type", mixed.contentType), ("X-ID", String(mixed.id))]
        let gzip = ("Content-Encoding", "gzip")
        return switch mixed.delivery {
        case .length, .lengthToo:
            lengthScript(mixed.source, bytes: mixed.byteCount, fields)
        case .chunked, .chunkedToo:
            chunkedScript(mixed.source, fields)
        case .untilClose:
            untilCloseScript(mixed.source, fields)
        case .gzip where acceptsGzip:
            lengthScript(gzipped(mixed.source), fields + [gzip])
        case .gzipChunked where acceptsGzip:
            chunkedScript(BufferSource(gzipped(mixed.source)), fields + [gzip])
        case .gzipUntilClose where acceptsGzip:
            untilCloseScript(BufferSource(gzipped(mixed.source)), fields + [gzip])
        case .gzip, .gzipChunked, .gzipUntilClose:
            lengthScript(mixed.source, bytes: mixed.byteCount, fields)
        }
    }

    func bytesScript(_ bytes: [UInt8], type: String = "text/plain") -> Script {
        lengthScript(
            ByteBuffer(bytes: bytes), [("Content-Type", type), ("X-ID", String(id ?? 0))])
    }

    private func lengthScript(_ bytes: ByteBuffer, _ fields: [(name: String, value: String)])
        -> Script
    {
        lengthScript(BufferSource(bytes), bytes: bytes.readableBytes, fields)
    }

    private func lengthScript(
        _ source: any ByteSource, bytes: Int, _ fields: [(name: String, value: String)]
    ) -> Script {
        [.bytes(head(200, fields: fields + [("Content-Length", String(bytes))]))]
            + body(.stream(source))
    }

    private func chunkedScript(
        _ source: any ByteSource, _ fields: [(name: String, value: String)]
    ) -> Script {
        [.bytes(head(200, fields: fields + [("Transfer-Encoding", "chunked")]))]
            + body(.stream(ChunkedSource(source)))
    }

    private func untilCloseScript(
        _ source: any ByteSource, _ fields: [(name: String, value: String)]
    ) -> Script {
        var last = self
        last.keepsAlive = false
        return [.bytes(last.head(200, fields: fields))] + body(.stream(source)) + [.close]
    }

    /// Every byte a field can have, in fields that are empty, come twice, in no order and in all
    /// cases. `OutputContentTests` knows them by heart.
    func oddFieldsScript() -> Script {
        var head = ByteBuffer()
        head.writeString("HTTP/1.1 200 OK\r\nX-High: ")
        head.writeBytes(Array(0x80...0xFF))
        head.writeString("\r\nX-Control: ")
        head.writeBytes(Array(0x01...0x08) + [0x0B, 0x0C] + Array(0x0E...0x1F) + [0x7F])
        head.writeString("\r\nX-Printable: ")
        head.writeBytes(Array(0x21...0x7E))
        head.writeString(
            """
            \r\nX-Empty:\r\nX-Blank:   \r\nSet-Cookie: a=1; Path=/\r\nx-lower: Between\r\n\
            SET-COOKIE: b=2\r\nSet-Cookie: a=1; Path=/\r\nX-Inner:  two  spaces\tand a tab \r\n\
            X-UTF8: \u{E9}\u{6F22}\u{1F600}\r\nX-Colon:a:b\r\nX-Fold: first\r\n second\r\n\
            X-ID: \(id ?? 0)\r\nContent-Length: 3\r\n\r\n
            """)
        return [.bytes(head)] + body(.text("OK\n"))
    }

    func attachmentScript(_ name: [UInt8]) -> Script {
        var head = ByteBuffer()
        head.writeString("HTTP/1.1 200 OK\r\nContent-Disposition: attachment; filename=\"")
        head.writeBytes(name)
        head.writeString("\"\r\nContent-Location: ")
        head.writeBytes(name)
        head.writeString("\r\nContent-Length: 3\r\n\r\n")
        return [.bytes(head)] + body(.text("OK\n"))
    }
}
