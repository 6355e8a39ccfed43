/// How requests are made; the names are curl's.
public struct FetchOptions: Sendable {
    /// Until the connection stands, TLS included.
    public var connectTimeout: Duration = .seconds(10)
    /// Until the response is whole, redirects included.
    public var maxTime: Duration = .seconds(60)
    /// Redirects followed for one job.
    public var maxRedirects = 10
    /// The most decoded bytes of a body.
    public var maxBodyBytes = 16 << 20
    /// Whether a larger body is cut there; else its job fails.
    public var cutsLargeBodies = false
    /// Accept any certificate.
    public var isInsecure = false
    /// A PEM file of certificates to trust instead of the system's.
    public var caFile: String?
    public var userAgent = "runner"

    public init() {}
}
