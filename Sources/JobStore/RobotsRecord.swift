/// A robots.txt as a queue keeps it, so that no run asks for it again before it has to.
public struct RobotsRecord: Equatable, Sendable {
    /// The origin as in `HostKey.text`.
    public let origin: String
    /// The HTTP status of the answer.
    public let status: Int
    /// The lines that concern the crawler; what they are written in is the runner's affair.
    public let body: [UInt8]
    /// The time for which the record counts; `lifetimeMax` at most.
    public let lifetime: Duration

    /// > Crawlers SHOULD NOT use the cached version for more than 24 hours.
    /// <https://www.rfc-editor.org/rfc/rfc9309#section-2.4>
    public static let lifetimeMax = Duration.seconds(24 * 3600)

    public init(origin: String, status: Int, body: [UInt8], lifetime: Duration) {
        self.origin = origin
        self.status = status
        self.body = body
        self.lifetime = lifetime
    }
}
