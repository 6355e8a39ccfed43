internal import JobStore

extension Record {
    /// Appends the body as another member: `body` if it is UTF-8, else `body_base64`.
    ///
    /// - Parameter makeRoom: Called after each piece.
    /// - Throws: `SinkError` when the temporary file cannot be read, or what `makeRoom` throws.
    func appendJSONBody(
        to bytes: inout [UInt8], makeRoom: (inout [UInt8]) throws(SinkError) -> Void
    ) throws(SinkError) {
        let body = capture.body
        var check = UTF8Check()
        try body.forEachPiece(of: self) { check.add($0) }
        let isText = check.isValid
        bytes.append(isText ? ",\"body\":\"" : ",\"body_base64\":\"")
        try body.forEachPiece(of: self) { piece throws(SinkError) in
            if isText { bytes.append(json: piece) } else { bytes.append(base64: piece) }
            try makeRoom(&bytes)
        }
        bytes.append("\"")
    }

    /// Appends the members of the JSON object that describes the record, without its braces and its
    /// body. docs/OUTPUT.md lists them, and their order is part of the format.
    ///
    /// - Throws: `SinkError` when the temporary file cannot be read.
    func appendJSONFacts(to bytes: inout [UInt8]) throws(SinkError) {
        bytes.append("\"id\":")
        bytes.append(decimal: id)
        bytes.append(",\"batch\":")
        bytes.append(decimal: batchID)
        bytes.append(isCompleted ? ",\"state\":\"completed\"" : ",\"state\":\"failed\"")
        bytes.append(",\"url\":\"")
        appendJSONURL(to: &bytes)
        if capture.isRedirected {
            bytes.append("\",\"final_url\":\"")
            bytes.append(json: capture.finalURL)
            Self.appendRedirects(capture.hops, to: &bytes)
        } else {
            bytes.append("\"")
        }
        if let key = job.request.key {
            bytes.append(",\"key\":\"")
            bytes.append(json: Array(key))
            bytes.append("\"")
        }
        job.request.appendMeta(after: ",\"meta\":", to: &bytes)
        job.request.trail?.appendMembers(to: &bytes)
        bytes.append(",\"method\":\"")
        bytes.append(contentsOf: method.utf8)
        bytes.append("\",\"status\":")
        if status > 0 { bytes.append(decimal: status) } else { bytes.append("null") }
        bytes.append(",\"outcome\":\"")
        bytes.append(contentsOf: outcome.label.utf8)
        if !isCompleted, !message.isEmpty {
            bytes.append("\",\"error\":\"")
            bytes.append(json: Array(message.utf8))
        }
        bytes.append("\",\"attempts\":")
        bytes.append(decimal: attempt)
        bytes.append(",\"fetched_at\":\"")
        bytes.append(timeMicros: capture.startedMicros)
        bytes.append("\",\"duration_ms\":")
        bytes.append(decimal: capture.durationMicros / 1000)
        bytes.append(".")
        bytes.append(decimal: capture.durationMicros % 1000, digits: 3)
        if capture.remoteIP.isEmpty {
            bytes.append(",\"remote_ip\":null")
        } else {
            bytes.append(",\"remote_ip\":\"")
            bytes.append(json: capture.remoteIP)
            bytes.append("\"")
        }
        switch capture.httpVersion {
        case .none: bytes.append(",\"http_version\":null")
        case .http10: bytes.append(",\"http_version\":\"1.0\"")
        case .http11: bytes.append(",\"http_version\":\"1.1\"")
        case .http2: bytes.append(",\"http_version\":\"2\"")
        }
        bytes.append(",\"headers\":[")
        try capture.head.whole(of: self).withUnsafeBytes { head in
            var before: StaticString = "[\""
            for field in HeaderFields(head) {
                bytes.append(before)
                bytes.append(jsonLatin1: field.name)
                bytes.append("\",\"")
                field.forEachPiece { bytes.append(jsonLatin1: $0) }
                bytes.append("\"]")
                before = ",[\""
            }
        }
        bytes.append("],\"body_bytes\":")
        bytes.append(decimal: bodyBytes)
        if capture.isCut { bytes.append(",\"truncated\":true") }
    }

    /// Appends the redirects that led from the URL asked for to the one that answered, in order.
    /// Closes the string before them.
    private static func appendRedirects(_ hops: [Capture.Hop], to bytes: inout [UInt8]) {
        bytes.append("\",\"redirects\":[")
        for (index, hop) in hops.enumerated() {
            bytes.append(index == 0 ? "{\"url\":\"" : ",{\"url\":\"")
            bytes.append(json: hop.url)
            bytes.append("\",\"status\":")
            bytes.append(decimal: hop.status)
            bytes.append("}")
        }
        bytes.append("]")
    }
}
