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
        bytes.append("{")
        try record.appendJSONFacts(to: &bytes)
        if let made = record.made {
            bytes.append(",\"records\":[")
            bytes.append(contentsOf: made)
            bytes.append("]")
        }
        if record.isAnswered {
            if isIndex {
                try appendFile(of: record, to: &bytes)
            } else if keepsBodies {
                try record.appendJSONBody(to: &bytes, makeRoom: makeRoom)
            }
        }
        bytes.append("}\n")
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
