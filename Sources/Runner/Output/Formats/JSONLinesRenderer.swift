internal import JobStore

/// Renders a record as one line of JSON. docs/OUTPUT.md lists the keys, whose order is part of the
/// format.
final class JSONLinesRenderer: RecordRenderer {
    private let keepsBodies: Bool
    private let isIndex: Bool

    /// - Parameter isIndex: Whether the lines are the index of a folder of body files: then each
    ///   names its body's file.
    init(keepsBodies: Bool, isIndex: Bool = false) {
        self.keepsBodies = keepsBodies
        self.isIndex = isIndex
    }

    func render(
        _ record: Record, into bytes: inout [UInt8],
        makeRoom: (inout [UInt8]) throws(SinkError) -> Void
    ) throws(SinkError) {
        try appendFacts(of: record, to: &bytes)
        if let made = record.made {
            bytes.append(",\"records\":[")
            bytes.append(contentsOf: made)
            bytes.append("]")
        }
        if record.isAnswered {
            if isIndex {
                try appendFile(of: record, to: &bytes)
            } else if keepsBodies {
                try appendBody(of: record, to: &bytes, makeRoom)
            }
        }
        bytes.append("}\n")
    }

    private func appendFacts(
        of record: Record, to bytes: inout [UInt8]
    ) throws(SinkError) {
        let capture = record.capture
        bytes.append("{\"id\":")
        bytes.append(decimal: record.id)
        bytes.append(",\"batch\":")
        bytes.append(decimal: record.batchID)
        bytes.append(record.isCompleted ? ",\"state\":\"completed\"" : ",\"state\":\"failed\"")
        bytes.append(",\"url\":\"")
        record.appendJSONURL(to: &bytes)
        if capture.isRedirected {
            bytes.append("\",\"final_url\":\"")
            bytes.append(json: capture.finalURL)
            appendRedirects(capture.hops, to: &bytes)
        } else {
            bytes.append("\"")
        }
        if let key = record.job.request.key {
            bytes.append(",\"key\":\"")
            bytes.append(json: Array(key))
            bytes.append("\"")
        }
        record.job.request.appendMeta(after: ",\"meta\":", to: &bytes)
        record.job.request.trail?.appendMembers(to: &bytes)
        bytes.append(",\"method\":\"")
        bytes.append(contentsOf: record.method.utf8)
        bytes.append("\",\"status\":")
        if record.status > 0 { bytes.append(decimal: record.status) } else { bytes.append("null") }
        bytes.append(",\"outcome\":\"")
        bytes.append(contentsOf: record.outcome.label.utf8)
        if !record.isCompleted, !record.message.isEmpty {
            bytes.append("\",\"error\":\"")
            bytes.append(json: Array(record.message.utf8))
        }
        bytes.append("\",\"attempts\":")
        bytes.append(decimal: record.attempt)
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
        try capture.head.whole(of: record).withUnsafeBytes { head in
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
        bytes.append(decimal: record.bodyBytes)
        if capture.isCut { bytes.append(",\"truncated\":true") }
    }

    /// Appends the redirects that led from the URL asked for to the one that answered, in order.
    /// Closes the string before them.
    private func appendRedirects(_ hops: [Capture.Hop], to bytes: inout [UInt8]) {
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

    private func appendBody(
        of record: Record, to bytes: inout [UInt8],
        _ makeRoom: (inout [UInt8]) throws(SinkError) -> Void
    ) throws(SinkError) {
        let body = record.capture.body
        var check = UTF8Check()
        try body.forEachPiece(of: record) { check.add($0) }
        let isText = check.isValid
        bytes.append(isText ? ",\"body\":\"" : ",\"body_base64\":\"")
        try body.forEachPiece(of: record) { piece throws(SinkError) in
            if isText { bytes.append(json: piece) } else { bytes.append(base64: piece) }
            try makeRoom(&bytes)
        }
        bytes.append("\"")
    }

    private func appendFile(of record: Record, to bytes: inout [UInt8]) throws(SinkError) {
        let sha256 = try record.sha256(by: digest)
        bytes.append(",\"file\":\"")
        record.bodyName(sha256).appendPath(to: &bytes)
        bytes.append("\",\"sha256\":\"")
        bytes.append(hex: sha256)
        bytes.append("\"")
    }

    private lazy var digest = Digest(.sha256)
}
