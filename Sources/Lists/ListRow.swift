/// The next entry of a list: a row, or what is wrong with it.
public enum ListRow {
    /// A row. Its fields are valid until the reader is asked for the next one.
    case row(ListFields)
    /// An entry that is no row of its format.
    case rejected(ListRejection)
    /// Nothing came for `ListOptions.patience`; more may come. Only a reader with patience says so.
    case waiting
}

/// The fields of a row by column: views of the reader's memory, valid until its next call.
public struct ListFields {
    private let fields: UnsafePointer<UnsafeRawBufferPointer?>
    /// The number of columns.
    public let count: Int
    /// Whether the body of a request was given as JSON, so that it may be sent as JSON.
    public let isJSONBody: Bool
    /// Whether the row names a sitemap to be read in turn, not a request to be made.
    public let isSitemap: Bool

    init(
        _ fields: UnsafePointer<UnsafeRawBufferPointer?>, count: Int, isJSONBody: Bool = false,
        isSitemap: Bool = false
    ) {
        self.fields = fields
        self.count = count
        self.isJSONBody = isJSONBody
        self.isSitemap = isSitemap
    }

    /// The bytes of a field.
    ///
    /// - Parameter column: The index of a column in `ListReader.columns`.
    /// - Returns: `nil` where the row has no such field, which only happens with `jsonl` and
    ///   `sitemap`. An empty field is no bytes.
    public func field(_ column: Int) -> UnsafeRawBufferPointer? {
        precondition(column >= 0 && column < count, "a row has \(count) columns")
        return fields[column]
    }
}

/// An entry of a list that is no row of its format, and why.
public struct ListRejection: Equatable, Sendable, CustomStringConvertible {
    /// The kinds of reasons, to be counted.
    public enum Reason: String, CaseIterable, Sendable {
        /// It is larger than `ListOptions.rowBytesMax`.
        case tooLong
        /// It holds a control byte that its format does not allow.
        case controlByte
        /// It is no UTF-8, or a JSON string holds half of a surrogate pair.
        case notUnicode
        /// It has fewer or more fields than the header.
        case fieldCount
        /// A quoted field is followed by more than a separator.
        case textAfterQuote
        /// A quoted field does not end.
        case unterminatedQuote
        /// It is no JSON, or is nested too deep.
        case invalidJSON
        /// A member has a value of another type, or the line is no object.
        case wrongType
        /// A member has a name that is not known.
        case unknownMember
        /// A member, or an element of a sitemap's entry, comes twice.
        case duplicateMember
        /// A member or element is missing that every row must have.
        case missingMember
        /// It has more than one body.
        case manyBodies
        /// `body_base64` is not Base64.
        case invalidBase64
    }

    /// The most bytes that `excerpt` holds.
    public static let excerptBytesMax = 200

    /// The line where the entry begins, counted from 1.
    public let lineNumber: Int
    public let reason: Reason
    /// The reason in a few words, with the names and numbers that matter, for example
    /// `has 3 fields, and the header has 4`.
    public let description: String
    /// The first bytes of the entry. They may be any, and end within a character.
    public let excerpt: [UInt8]

    init(
        _ lineNumber: Int, _ reason: Reason, _ description: String,
        of entry: some Sequence<UInt8>
    ) {
        self.lineNumber = lineNumber
        self.reason = reason
        self.description = description
        excerpt = Array(entry.prefix(Self.excerptBytesMax))
    }
}
