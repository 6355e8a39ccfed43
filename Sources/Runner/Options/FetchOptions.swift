public import JobStore

/// Options of requests; the names are curl's.
public struct FetchOptions: Sendable {
    /// The time within which a connection must stand, TLS included.
    public var connectTimeout: Duration = .seconds(10)
    /// The time within which the response must be whole, redirects included.
    public var timeout: Duration = .seconds(60)
    /// The most redirects followed for one job.
    public var redirectsMax = 10
    /// The most bytes of a response's head, all lines together. libcurl has no limit of its own
    /// before 8.3, and one of 300 KB from then on.
    public var headBytesMax = FetchOptions.headBytesCeiling
    public static let headBytesCeiling = 300 << 10
    /// The most bytes of a body, after decoding unless the output keeps the encoding.
    public var bodyBytesMax = 16 << 20
    /// Whether a body larger than `bodyBytesMax` is cut there; otherwise its job fails.
    public var cutsLargeBodies = false
    /// Whether any certificate is accepted.
    public var isInsecure = false
    /// A PEM file of certificates to trust instead of the system's.
    public var caFile: String?
    /// The `User-Agent` of requests that name no other.
    public var userAgent = "runner"
    /// Header fields that each request gets in place of its batch's.
    public var headers: [HeaderSource] = []
    /// The values that header fields refer to.
    public var references = RequestReferences()
    /// The certificate to show to servers that ask for one.
    public var clientCertificate: ClientCertificateFiles?
    /// Whether HTTP/2 is offered by HTTPS.
    public var asksForHTTP2 = true
    /// Whether no content coding is asked for, and bodies are kept as they come.
    public var isRaw = false
    /// Whether the validators of responses are kept in the queue.
    public var keepsValidators = false
    /// The least speed of a response; `nil` when any will do.
    public var speedLimit: SpeedLimit?
    public var proxies = ProxyRules()
    /// Where connections go out from; `nil` when the system decides.
    public var interface: NetworkInterface?
    /// The family of the addresses that are connected to.
    public var family = AddressFamily.any
    /// Whether redirects from public addresses, and names that were seen at public addresses, may
    /// lead to private, loopback and link-local ones.
    public var allowsInward = false
    /// Names that are not looked up.
    public var pinned = PinnedNames()

    /// Ways to look names up.
    public enum Resolver: String, Sendable, CaseIterable {
        /// c-ares asks name servers, without blocking.
        case ares
        /// The system's `getaddrinfo`, on threads of its own.
        case system
    }
    public var resolver = Resolver.ares
    /// The name servers to ask instead of the system's: `host[:port]`, separated by commas.
    public var nameServers: String?

    /// Whether `text` can be the value of `nameServers`.
    public static func areNameServers(_ text: String) -> Bool { AresLookups.areServers(text) }

    public init() {}
}
