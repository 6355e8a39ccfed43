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

    /// The IDs of the jobs, by position.
    public var ids: JobRange { source.ids }

    /// The ID of a job.
    public func id(at position: Int) -> Int { ids.id(at: position) }

    /// The positions of the jobs with some IDs; empty when the batch has none of them.
    public func positions(of ids: Range<Int>) -> Range<Int> { self.ids.positions(of: ids) }
}

/// The origin of a batch's jobs and of their requests. Indirect, since all that has to do with a
/// batch has a copy.
public indirect enum BatchSource: Equatable, Sendable {
    /// IDs at equal distances, and the request that the jobs share but for the ID.
    case range(JobRange, RequestTemplate)
    /// Jobs with a line each; a job's ID is the position of its line in the list.
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

    /// The IDs of the jobs, by position.
    var ids: JobRange {
        switch self {
        case .range(let range, _): range
        case .list(let list): JobRange(first: list.firstID, count: list.count)
        }
    }
}
