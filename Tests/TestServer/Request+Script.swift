import NIOCore

extension Request {
    /// The steps that answer this request.
    ///
    /// - Parameter hit: Which hit of its ID this request is, counted from 1; 0 when not counted.
    func script(hit: Int, behaviour: Behaviour, counter: HitCounter) -> Script {
        switch route {
        case .plain:
            plainScript(behaviour)
        case .status(let status):
            answer(status)
        case .delay(let delay):
            [.pause(delay)] + answer(200)
        case .flaky(let until, let status):
            answer(hit < until ? status : 200)
        case .flakyReset(let until):
            hit < until ? [.reset] : answer(200)
        case .retryAfter(let value, let until, let status):
            hit < until ? answer(status, fields: [("Retry-After", value)]) : answer(200)
        case .body(let bytes, let isChunked):
            bodyScript(bytes: bytes, isChunked: isChunked)
        case .gzip(let bytes):
            gzipScript(bytes: bytes)
        case .mixed(let pause):
            [.pause(pause)] + mixedScript()
        case .bytes(let bytes):
            bytesScript(bytes)
        case .site(let site):
            bytesScript(site.html(of: id ?? 0), type: "text/html")
        case .cursors(let lists):
            bytesScript(lists.json(of: id ?? 0), type: "application/json")
        case .versioned(let versioned):
            versionedScript(versioned, counter)
        case .oddFields:
            oddFieldsScript()
        case .largeHead(let kind, let bytes):
            [.bytes(LargeHead.head(kind, bytes: bytes))] + body(.text("OK\n"))
        case .attachment(let name):
            attachmentScript(name)
        case .redirect(let hops):
            hops == 0 ? answer(200) : redirect(to: "/redirect/\(hops - 1)/\(id ?? 0)")
        case .redirectLoop:
            redirect(to: "/redirect-loop/\(id ?? 0)")
        case .redirectTo(let url):
            redirect(to: url)
        case .redirectFrom(let first, let url):
            id ?? 0 < first ? answer(200) : redirect(to: url)
        case .fault(let fault):
            script(for: fault)
        case .control(let control):
            answer(200, type: "application/json", text: control.perform(on: counter) + "\n")
        case .unknown:
            answer(404)
        case .malformed:
            // A client that is still sending would get a RST for a closed connection, and lose
            // the answer to it; so it gets a second to read it.
            answer(400) + [.closeOutput, .pause(.seconds(1)), .close]
        }
    }

    private func plainScript(_ behaviour: Behaviour) -> Script {
        switch behaviour {
        case .immediate:
            answer(200)
        case .randomDelay(let seconds):
            [.pause(.seconds(Int64(Int.random(in: seconds))))] + answer(200)
        }
    }

    private func redirect(to url: String) -> Script {
        answer(302, fields: [("Location", url)])
    }

    /// The ID and a line end, over and over: a body that tells whose it is.
    func lines(bytes: Int) -> PatternSource {
        PatternSource(repeating: ByteBuffer(string: "\(id ?? 0)\n"), bytes: bytes)
    }

    private func bodyScript(bytes: Int, isChunked: Bool) -> Script {
        let length =
            isChunked ? ("Transfer-Encoding", "chunked") : ("Content-Length", String(bytes))
        let lines = lines(bytes: bytes)
        let source: any ByteSource = isChunked ? ChunkedSource(lines) : lines
        return [.bytes(head(200, fields: [("Content-Type", "text/plain"), length]))]
            + body(.stream(source))
    }

    private func gzipScript(bytes: Int) -> Script {
        let bomb = GzipBomb(bytes: bytes)
        let fields = [
            ("Content-Type", "application/octet-stream"), ("Content-Encoding", "gzip"),
            ("Content-Length", String(bomb.packedBytes)),
        ]
        return [.bytes(head(200, fields: fields))] + body(.stream(bomb))
    }
}
