/// The jobs of one `enqueue`.
///
/// A job is named by its batch and its position within the batch; its ID is what people see.
public struct Batch: Equatable, Sendable {
    /// The number of a batch within its queue; rises with each `enqueue`.
    public typealias ID = Int

    public let id: ID
    public let source: BatchSource

    public init(id: ID, source: BatchSource) {
        self.id = id
        self.source = source
    }

    /// The number of jobs, 1 or more.
    public var count: Int { source.count }

    /// The IDs of consecutive jobs.
    ///
    /// - Parameter positions: Positions within the batch.
    public func ids(of positions: Range<Int>) -> Range<Int> { source.ids(of: positions) }

    /// The ID of a job.
    public func id(at position: Int) -> Int { ids(of: position..<position + 1).lowerBound }

    /// The positions of the jobs with some IDs; empty, and at an end of the batch, when the batch
    /// has none of them.
    public func positions(of ids: Range<Int>) -> Range<Int> { source.positions(of: ids) }
}

/// The origin of a batch's jobs and of their requests.
public enum BatchSource: Equatable, Sendable {
    /// Consecutive IDs, and the request that the jobs share but for the ID.
    case range(JobRange, RequestTemplate)
    /// Jobs with a line each; a job's ID is its position.
    case list(JobList)

    /// The requests, but for what each job has of its own.
    public var request: RequestTemplate {
        switch self {
        case .range(_, let request): request
        case .list(let list): list.request
        }
    }

    /// The number of jobs, 1 or more.
    public var count: Int {
        switch self {
        case .range(let range, _): range.count
        case .list(let list): list.count
        }
    }

    func ids(of positions: Range<Int>) -> Range<Int> {
        switch self {
        case .range(let range, _):
            range.first + positions.lowerBound..<range.first + positions.upperBound
        case .list: positions
        }
    }

    func positions(of ids: Range<Int>) -> Range<Int> {
        switch self {
        case .range(let range, _):
            let all = range.first..<range.first + range.count
            let known = ids.clamped(to: all)
            return known.lowerBound - range.first..<known.upperBound - range.first
        case .list(let list):
            return ids.clamped(to: 0..<list.count)
        }
    }
}
