public import Lists

/// The reason a list cannot be added.
public struct ImportError: Error, Sendable, CustomStringConvertible {
    /// The kind of error. More kinds come with time, so this is not an enum to switch over
    /// exhaustively.
    public struct Code: Hashable, Sendable {
        private enum Kind {
            case noURL, noColumn, badTemplate, unreadable, otherColumns, rejected, otherList,
                otherOptions, badIndex
        }
        private let kind: Kind

        /// No column has the URL.
        public static let noURL = Code(kind: .noURL)
        /// A column that was named is not there.
        public static let noColumn = Code(kind: .noColumn)
        /// The requests cannot be made so.
        public static let badTemplate = Code(kind: .badTemplate)
        /// A list cannot be read.
        public static let unreadable = Code(kind: .unreadable)
        /// Two lists have different columns.
        public static let otherColumns = Code(kind: .otherColumns)
        /// An index of sitemaps leads to what is no sitemap, or to too many.
        public static let badIndex = Code(kind: .badIndex)
        /// A row is no request, and all must be.
        public static let rejected = Code(kind: .rejected)
        /// A list is not the one that is to be gone on with.
        public static let otherList = Code(kind: .otherList)
        /// A list that is gone on with was begun with other requests.
        public static let otherOptions = Code(kind: .otherOptions)
    }

    /// The action that helps, where there is one.
    public enum Remedy: Hashable, Sendable {
        /// Name the column of the URL, or a URL made of columns.
        case nameURLColumn
        /// Mend the list, then go on with it behind what was taken.
        case goOn
        /// Fetch the list by other means, and add the file.
        case fetchOtherwise
        /// Allow lists to lead to private networks, where that is meant.
        case allowInward
    }

    public let code: Code
    public let description: String
    public let remedy: Remedy?

    init(_ code: Code, _ description: String, remedy: Remedy? = nil) {
        self.code = code
        self.description = description
        self.remedy = remedy
    }

    /// The error of a list that cannot be read.
    public init(_ error: ListError) {
        let remedies: [ListError.Code: Remedy] = [
            .unfetched: .fetchOtherwise, .forbidden: .allowInward,
        ]
        self.init(.unreadable, error.description, remedy: remedies[error.code])
    }

    /// The error of an index that names another.
    static func nested(_ sitemap: ListSource, in index: SitemapIndex) -> ImportError {
        ImportError(
            .badIndex,
            "\(index.name) names \(sitemap.name), which is an index itself; an index names sitemaps alone"
        )
    }

    static func noColumn(_ name: String, _ names: [String], _ list: String) -> ImportError {
        ImportError(.noColumn, "\(list) has no column '\(name)', but \(shown(names))")
    }

    /// The names of columns for a message, the first of them where there are many.
    static func shown(_ names: [String]) -> String {
        if names.isEmpty { return "none" }
        let first = names.prefix(12).map { "'\($0)'" }.joined(separator: ", ")
        return names.count > 12 ? "\(first) and \(names.count - 12) more" : first
    }
}
