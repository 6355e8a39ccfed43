import NIOCore

/// What an origin does on a connection in answer to one request, step by step.
///
/// A script that runs to its end leaves the connection to the next request, or closes it when the
/// request did not ask to keep it.
typealias Script = [Step]

enum Step {
    case bytes(ByteBuffer)
    /// Sends what the source gives as fast as the client takes it, or a piece each `interval`.
    case stream(any ByteSource, interval: TimeAmount? = nil)
    case pause(TimeAmount)
    /// Sends a FIN once all that was written is out, and still reads what the client says.
    case closeOutput
    /// Sends a FIN once all that was written is out. Nothing after this is played.
    case close
    /// Sends a RST. Nothing after this is played.
    case reset
    /// Says nothing more and leaves the connection open. Nothing after this is played.
    case hang

    static func text(_ text: String) -> Step {
        .bytes(ByteBuffer(string: text))
    }
}

extension Request {
    /// The steps of a body, of which a `HEAD` gets none.
    func body(_ steps: Step...) -> Script {
        isHead ? [] : steps
    }

    /// The status line and header fields, with the empty line at their end.
    func head(
        _ status: Int, reason: String? = nil, fields: [(name: String, value: String)]
    ) -> ByteBuffer {
        var head = ByteBuffer()
        head.writeString("HTTP/1.1 \(status) \(reason ?? reasonPhrase(status))\r\n")
        for field in fields {
            head.writeString("\(field.name): \(field.value)\r\n")
        }
        if !keepsAlive {
            head.writeString("Connection: close\r\n")
        } else if isVersion10 {
            head.writeString("Connection: keep-alive\r\n")
        }
        head.writeString("\r\n")
        return head
    }

    /// A well-formed answer with a short text.
    func answer(
        _ status: Int, reason: String? = nil, fields: [(name: String, value: String)] = [],
        type: String = "text/plain", text: String? = nil
    ) -> Script {
        // > A server MUST NOT send a Content-Length header field in any response with a status
        // > code of 1xx (Informational) or 204 (No Content).
        // <https://www.rfc-editor.org/rfc/rfc9110#section-8.6>
        // A 304 may have one, but it would be the length of a body that is not sent.
        if status < 200 || status == 204 || status == 304 {
            return [.bytes(head(status, reason: reason, fields: fields))]
        }
        let text = text ?? reasonPhrase(status) + "\n"
        let own = [("Content-Type", type), ("Content-Length", String(text.utf8.count))]
        return [.bytes(head(status, reason: reason, fields: own + fields))] + body(.text(text))
    }
}

private func reasonPhrase(_ status: Int) -> String {
    reasonPhrases[status] ?? "Status \(status)"
}

private let reasonPhrases = [
    100: "Continue", 200: "OK", 201: "Created", 202: "Accepted", 204: "No Content",
    206: "Partial Content", 301: "Moved Permanently", 302: "Found", 303: "See Other",
    304: "Not Modified", 307: "Temporary Redirect", 308: "Permanent Redirect", 400: "Bad Request",
    401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    408: "Request Timeout", 409: "Conflict", 410: "Gone", 413: "Content Too Large",
    418: "I'm a teapot", 421: "Misdirected Request", 425: "Too Early", 429: "Too Many Requests",
    451: "Unavailable For Legal Reasons", 500: "Internal Server Error", 501: "Not Implemented",
    502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
]
