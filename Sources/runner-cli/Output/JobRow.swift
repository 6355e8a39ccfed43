import ArgumentParser
import JobStore

/// The form of jobs, one row each (docs/CLI.md).
enum RowFormat: String, CaseIterable, ExpressibleByArgument {
    case csv, jsonl

    /// The text before the first row.
    var header: String { self == .csv ? "id,batch,url,state,outcome,key\n" : "" }

    /// Returns a row of a range's jobs, in which placeholders stand for the ID.
    fileprivate func row(of span: LedgerPage.Span) -> TextTemplate {
        let template = span.batch.source.request.publicURLTemplate
        var url = template.texts
        let (beforeID, beforeURL, after): (String, String, String)
        switch self {
        case .csv:
            // > Fields containing line breaks (CRLF), double quotes, and commas should be enclosed
            // > in double-quotes. <https://www.rfc-editor.org/rfc/rfc4180>
            let isQuoted = url.joined().contains { $0 == UInt8(ascii: ",") || $0 == Self.quote }
            if isQuoted { url = url.map { Self.escaped($0, [Self.quote], with: Self.quote) } }
            let quote = isQuoted ? "\"" : ""
            (beforeID, beforeURL) = ("", ",\(span.batch.id),\(quote)")
            after = "\(quote),\(span.state),\(span.outcome?.label ?? ""),\n"
        case .jsonl:
            // A template holds no control characters; nothing else must be escaped.
            url = url.map { Self.escaped($0, [Self.quote, Self.backslash], with: Self.backslash) }
            (beforeID, beforeURL) = ("{\"id\":", ",\"batch\":\(span.batch.id),\"url\":\"")
            let outcome = span.outcome.map { "\"\($0.label)\"" } ?? "null"
            after = "\",\"state\":\"\(span.state)\",\"outcome\":\(outcome)}\n"
        }
        url[0] = Array(beforeURL.utf8) + url[0]
        url[url.count - 1] += after.utf8
        return TextTemplate(
            texts: [Array(beforeID.utf8)] + url,
            placeholders: [.init(name: TextTemplate.Placeholder.idName)] + template.placeholders)
    }

    /// Appends the row of a list's job.
    ///
    /// - Parameters:
    ///   - url: The job's URL, which may hold any bytes.
    ///   - key: The key of the job's line; `nil` when it has none.
    func append(
        _ id: Int, _ url: [UInt8], _ key: ArraySlice<UInt8>?, of span: LedgerPage.Span,
        to bytes: inout [UInt8]
    ) {
        let outcome = span.outcome?.label
        switch self {
        case .csv:
            bytes += "\(id),\(span.batch.id),".utf8
            bytes += Self.field(url[...])
            bytes += ",\(span.state),\(outcome ?? ""),".utf8
            bytes += Self.field(key ?? []) + "\n".utf8
        case .jsonl:
            bytes += "{\"id\":\(id),\"batch\":\(span.batch.id),\"url\":\"".utf8
            JobList.append(url[...], .json, to: &bytes)
            bytes += "\",\"state\":\"\(span.state)\",\"outcome\":".utf8
            bytes += (outcome.map { "\"\($0)\"" } ?? "null").utf8
            if let key {
                bytes += ",\"key\":\"".utf8
                JobList.append(key, .json, to: &bytes)
                bytes.append(Self.quote)
            }
            bytes += "}\n".utf8
        }
    }

    /// The field of a line of CSV, quoted where it must be.
    private static func field(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        guard bytes.contains(where: { [quote, 0x2C, 0x0A, 0x0D].contains($0) }) else {
            return Array(bytes)
        }
        return [quote] + escaped(Array(bytes), [quote], with: quote) + [quote]
    }

    private static let quote = UInt8(ascii: "\"")
    private static let backslash = UInt8(ascii: "\\")

    private static func escaped(
        _ bytes: [UInt8], _ special: [UInt8], with escape: UInt8
    ) -> [UInt8] {
        bytes.flatMap { special.contains($0) ? [escape, $0] : [$0] }
    }
}

/// The row of one job, as bytes, which is turned in place into the row of the next job.
///
/// Rows of jobs with the same state and outcome differ in their IDs alone, and from one row to the
/// next in a digit or two of the ID. So a row costs one copy; where the IDs have a step, some more.
struct JobRow {
    private let row: TextTemplate
    private let ids: JobRange
    private var bytes: [UInt8] = []
    /// The indices in `bytes` just behind the last digit of each ID.
    private var idEnds: [Int] = []
    private var id = 0
    /// The next ID that has one digit more.
    private var longerAt = 0

    init(of span: LedgerPage.Span, _ format: RowFormat) {
        row = format.row(of: span)
        ids = span.batch.ids
    }

    /// Appends rows until all are written or `buffer` holds `limit` bytes.
    ///
    /// - Parameter positions: The positions of the jobs within their batch.
    /// - Returns: The positions of the jobs that are left to write.
    mutating func append(
        _ positions: Range<Int>, to buffer: inout [UInt8], limit: Int
    ) -> Range<Int> {
        if positions.isEmpty { return positions }
        build(ids.id(at: positions.lowerBound))
        buffer.append(contentsOf: bytes)
        var next = positions.lowerBound + 1
        while next < positions.upperBound, buffer.count < limit {
            advance()
            buffer.append(contentsOf: bytes)
            next += 1
        }
        return next..<positions.upperBound
    }

    private mutating func build(_ id: Int) {
        let digits = String(id).utf8
        bytes.removeAll(keepingCapacity: true)
        idEnds.removeAll(keepingCapacity: true)
        bytes += row.texts[0]
        for (placeholder, text) in zip(row.placeholders, row.texts.dropFirst()) {
            bytes += Array(
                repeating: UInt8(ascii: "0"), count: max(0, placeholder.digitsMin - digits.count))
            bytes += digits
            idEnds.append(bytes.count)
            bytes += text
        }
        self.id = id
        longerAt = digits.reduce(1) { power, _ in power.multipliedReportingOverflow(by: 10).0 }
    }

    private mutating func advance() {
        guard ids.step == 1, id + 1 != longerAt else { return build(id + ids.step) }
        id += 1
        for end in idEnds {
            var index = end - 1
            while bytes[index] == UInt8(ascii: "9") {
                bytes[index] = UInt8(ascii: "0")
                index -= 1
            }
            bytes[index] += 1
        }
    }
}
