/// Requests that responses to jobs of one batch led to, each a line of a list as yet to come.
///
/// A store adds those that its set of requests (`UniqueListImport`) does not hold to the batch that
/// is for them: one for each batch that was enqueued, made with its first request. What jobs of that
/// batch lead to goes there, too.
public struct FoundRequests: Sendable {
    /// The batch of the jobs.
    public let source: Batch.ID
    /// The requests, whose placeholders stand for fields of a line; the same for a batch each time.
    public let request: RequestTemplate
    public let fields: LineFields
    /// The most requests of one host in the batch that these go to; `nil` for any number. Those that were
    /// added without such a bound do not count.
    public let jobsOfHostMax: Int?
    /// The hosts of the requests, each once; none where `jobsOfHostMax` is `nil`.
    public private(set) var hosts: [String] = []
    private var hostIndices: [String: Int] = [:]
    /// The lines one after another.
    public private(set) var lines = ListBlockBuilder()
    /// The lines, in the order they were found.
    public private(set) var places: [Place] = []

    /// A line, and what is known of its request.
    public struct Place: Sendable {
        public let hash: RequestHash
        /// The number of the lane of its host, below `ListLane.sharedMax`.
        public let lane: Int
        /// The index of its host in `hosts`; 0 where there are none.
        let host: Int
        /// The place of the line in `lines`.
        public let bytes: Range<Int>
    }

    public init(
        in source: Batch.ID, _ request: RequestTemplate, _ fields: LineFields,
        jobsOfHostMax: Int? = nil
    ) {
        self.jobsOfHostMax = jobsOfHostMax
        self.source = source
        self.request = request
        self.fields = fields
    }

    public var count: Int { places.count }
    public var byteCount: Int { lines.byteCount + places.count * MemoryLayout<Place>.stride }

    /// Adds a line.
    ///
    /// - Parameters:
    ///   - lane: The number of the lane of its host, below `ListLane.sharedMax`.
    ///   - host: Its host; it does not matter where `jobsOfHostMax` is `nil`.
    ///   - values: The values of `fields`, in their order; `nil` for one that it does not have.
    public mutating func add(
        _ hash: RequestHash, lane: Int, host: @autoclosure () -> String = "", _ values: [[UInt8]?]
    ) {
        let start = lines.byteCount
        lines.beginLine(fields: values.count)
        for value in values {
            if let value { value.withUnsafeBytes { lines.append($0) } } else { lines.append(nil) }
        }
        let index = jobsOfHostMax == nil ? 0 : self.index(of: host())
        places.append(
            Place(hash: hash, lane: lane, host: index, bytes: start..<lines.byteCount))
    }

    private mutating func index(of host: String) -> Int {
        if let index = hostIndices[host] { return index }
        hosts.append(host)
        hostIndices[host] = hosts.count - 1
        return hosts.count - 1
    }
}

/// The fate of requests that were found.
public struct FoundTally: Sendable, Equatable {
    /// Those that were added.
    public var added = 0
    /// Those that the queue has had.
    public var known = 0
    /// Those that were left out as their batch is full, or was cancelled.
    public var leftOut = 0
    /// Those that were left out as their batch has as many of their host as it may.
    public var leftOutOfHosts = 0

    public init(added: Int = 0, known: Int = 0, leftOut: Int = 0, leftOutOfHosts: Int = 0) {
        self.leftOutOfHosts = leftOutOfHosts
        self.added = added
        self.known = known
        self.leftOut = leftOut
    }

    public static func += (one: inout FoundTally, other: FoundTally) {
        one.added += other.added
        one.known += other.known
        one.leftOut += other.leftOut
        one.leftOutOfHosts += other.leftOutOfHosts
    }
}
