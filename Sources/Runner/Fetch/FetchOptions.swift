/// How requests are made; the names are curl's.
public struct FetchOptions: Sendable {
    /// Until the connection stands, TLS included.
    public var connectTimeout: Duration = .seconds(10)
    /// Until the response is whole, redirects included.
    public var maxTime: Duration = .seconds(60)
    /// Redirects followed for one job.
    public var maxRedirects = 10
    /// The most bytes of a response's head, of all lines together. libcurl before 8.3 has no bound
    /// of its own, from then on it has 300 KB.
    public var maxHeadBytes = FetchOptions.headBytesMax
    public static let headBytesMax = 300 << 10
    /// The most decoded bytes of a body.
    public var maxBodyBytes = 16 << 20
    /// Whether a larger body is cut there; else its job fails.
    public var cutsLargeBodies = false
    /// Accept any certificate.
    public var isInsecure = false
    /// A PEM file of certificates to trust instead of the system's.
    public var caFile: String?
    public var userAgent = "runner"

    /// Who looks names up.
    public enum Resolver: String, Sendable, CaseIterable {
        /// c-ares asks name servers, without blocking.
        case ares
        /// The system's `getaddrinfo`, on threads of its own.
        case system
    }
    public var resolver = Resolver.ares
    /// Name servers to ask instead of the system's: `host[:port]` with commas between.
    public var nameServers: String?

    /// Whether a text can be `nameServers`.
    public static func areNameServers(_ text: String) -> Bool { AresLookups.areServers(text) }

    public init() {}
}
