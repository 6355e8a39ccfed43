/// The URL of a response, which references in it are relative to.
package struct PageAddress: ~Copyable {
    private let resolver: URLResolver?

    /// - Parameter url: An absolute URL, whose fragment and user have no part in references.
    package init(_ url: String, by parser: any URLParser) {
        resolver = URLResolver(base: url, by: parser)
    }

    /// Returns the URL that a reference means; `nil` when it is none of HTTP.
    ///
    /// - Parameter reference: UTF-8.
    package func url(of reference: [UInt8]) -> String? {
        switch resolver?.resolve(reference) {
        case .url(let url)?: url
        case .otherScheme?, .invalid?, nil: nil
        }
    }
}
