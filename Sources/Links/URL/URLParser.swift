/// Takes absolute URLs apart: the part of a transport that knows what a URL is to it.
///
/// It holds one URL at a time. Nothing else may be asked of it until one was set.
public protocol URLParser: AnyObject {
    /// Sets the URL. An international host name gets the form that name servers know, and any name is
    /// written in lower case.
    ///
    /// - Parameter text: An absolute URL of HTTP or HTTPS, without user and fragment.
    /// - Returns: Whether it is taken for one. If not, nothing else may be asked.
    func set(to text: [UInt8]) -> Bool

    /// The URL without the port that belongs to its scheme, and with the dots of its path resolved;
    /// `nil` when it holds bytes that are in no URL.
    var text: String? { get }

    /// The parts; `nil` when there is no memory.
    var parts: URLBase? { get }
}

/// The parts of a URL by which references to others are resolved.
public struct URLBase: Sendable {
    /// Scheme, host and port, as in `https://example.com:8443`. The scheme is in lower case.
    public let origin: String
    public let scheme: String
    /// The path from its slash on.
    public let path: String
    /// The query with its question mark; empty without one.
    public let query: String

    public init(origin: String, scheme: String, path: String, query: String) {
        self.origin = origin
        self.scheme = scheme
        self.path = path
        self.query = query
    }
}
