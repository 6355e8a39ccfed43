/// Splits a CSV record into its fields.
///
/// > Fields containing line breaks (CRLF), double quotes, and commas should be enclosed in
/// > double-quotes.
/// <https://www.rfc-editor.org/rfc/rfc4180#section-2>
/// A quote that does not open its field is taken as it stands.
final class RecordSplitter {
    private let separator: UInt8
    /// Fields with doubled quotes, without the doubles.
    private let scratch = ScratchBytes()

    init(separator: UInt8) { self.separator = separator }

    /// - Parameters:
    ///   - record: The bytes of a record; in them or in the splitter's own memory are the fields,
    ///     until the next call.
    ///   - fields: Gets the fields.
    /// - Returns: Whether each quoted field ends with its quote.
    func split(
        _ record: UnsafeRawBufferPointer, hasQuotes: Bool, into fields: FieldBuffer
    ) -> Bool {
        fields.removeAll()
        // What was doubled takes less room without.
        scratch.reset(for: hasQuotes ? record.count : 0)
        var begin = 0
        while true {
            if hasQuotes, begin < record.count, record[begin] == UInt8(ascii: "\"") {
                guard let end = takeQuoted(record, at: begin, into: fields) else { return false }
                if end == record.count { return true }
                begin = end + 1
                continue
            }
            guard let end = record.offset(of: separator, from: begin) else { break }
            fields.append(UnsafeRawBufferPointer(rebasing: record[begin..<end]))
            begin = end + 1
        }
        fields.append(UnsafeRawBufferPointer(rebasing: record[begin...]))
        return true
    }

    /// Takes the quoted field that begins at `begin`.
    ///
    /// - Returns: The index behind it, of a separator or the record's end; `nil` when something
    ///   else follows its quote.
    private func takeQuoted(
        _ record: UnsafeRawBufferPointer, at begin: Int, into fields: FieldBuffer
    ) -> Int? {
        var pieceBegin = begin + 1
        let start = scratch.count
        var isDoubled = false
        while true {
            guard let quote = record.offset(of: UInt8(ascii: "\""), from: pieceBegin) else {
                return nil
            }
            let after = quote + 1
            guard after < record.count, record[after] == UInt8(ascii: "\"") else {
                let piece = UnsafeRawBufferPointer(rebasing: record[pieceBegin..<quote])
                if isDoubled { scratch.append(piece) }
                fields.append(isDoubled ? scratch.bytes(from: start) : piece)
                return after == record.count || record[after] == separator ? after : nil
            }
            isDoubled = true
            // The first of both quotes belongs to the field.
            scratch.append(UnsafeRawBufferPointer(rebasing: record[pieceBegin..<after]))
            pieceBegin = after + 1
        }
    }
}
