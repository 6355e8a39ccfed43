/// The jobs of one `enqueue`: IDs `first..<first + count` and the request they share.
public struct Batch: Equatable, Sendable {
    /// The number of a batch within its queue; rises with each `enqueue`.
    public typealias ID = Int

    public let id: ID
    public let range: JobRange
    public let request: RequestTemplate

    public init(id: ID, range: JobRange, request: RequestTemplate) {
        self.id = id
        self.range = range
        self.request = request
    }
}
