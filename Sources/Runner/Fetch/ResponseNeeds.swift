/// The parts of a response that are kept beyond its head.
public struct ResponseNeeds: OptionSet, Sendable {
    public let rawValue: Int

    public init(rawValue: Int) { self.rawValue = rawValue }

    /// The body, decoded unless `encoding` is needed, too.
    public static let bodies = ResponseNeeds(rawValue: 1)
    /// The body's content coding: the body is kept as it came, gzipped or not. The requests then
    /// ask for no other coding.
    public static let encoding = ResponseNeeds(rawValue: 2)
    /// The whole responses of redirects on the way. Their bodies are kept as they came, never
    /// decoded.
    public static let redirects = ResponseNeeds(rawValue: 4)
    /// The responses of jobs that failed for good, too; otherwise those of completed jobs only.
    public static let failures = ResponseNeeds(rawValue: 8)
}
