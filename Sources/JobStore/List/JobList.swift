/// The jobs of a list: each has a line of its own, with values that its request is made of.
public struct JobList: Equatable, Sendable {
    /// The number of jobs.
    public let count: Int
    /// The requests, whose placeholders stand for fields of a line.
    public let request: RequestTemplate
    public let fields: LineFields
    /// Whether all jobs are known to go to one host.
    public let hasOneHost: Bool
    /// The ID of the first job: 0, or of a piece of a list, its place in that.
    public let firstID: Int

    public init(
        count: Int, request: RequestTemplate, fields: LineFields, hasOneHost: Bool = false,
        firstID: Int = 0
    ) {
        self.firstID = firstID
        self.hasOneHost = hasOneHost
        self.count = count
        self.request = request
        self.fields = fields
    }

    /// The ID of a job.
    public func id(at position: Int) -> Int { firstID + position }
}

/// The fields that each line of a list has.
public struct LineFields: Equatable, Sendable {
    /// The names in the order of the fields; placeholders refer to fields by these.
    public let names: [String]
    /// The index of the field with the line's own key; `nil` when lines have none.
    public let key: Int?
    /// The indices of the fields that records of the output carry along.
    public let kept: [Int]
    /// The fields with parts of a request; `nil` when the template has them all.
    public let parts: RequestParts?
    /// The fields that say where a request was found; `nil` where requests were enqueued.
    public let trail: Trail?

    /// The indices of fields that say where a request was found.
    public struct Trail: Equatable, Sendable {
        /// The job whose response led to it, as its batch and ID with a slash between them.
        public let foundOn: Int
        /// The number of responses that led to it, one after another, from 1.
        public let depth: Int

        public init(foundOn: Int, depth: Int) {
            self.foundOn = foundOn
            self.depth = depth
        }

        package var indices: [Int] { [foundOn, depth] }
    }

    /// The indices of fields that hold parts of a request.
    public struct RequestParts: Equatable, Sendable {
        /// The method; where a line has none, the template's.
        public let method: Int
        /// Header fields, `Name: value` one a line, in place of the template's of the same name.
        public let headers: Int
        /// The body; where a line has none, the template's.
        public let body: Int
        /// A JSON value that records of the output carry along.
        public let meta: Int

        public init(method: Int, headers: Int, body: Int, meta: Int) {
            self.method = method
            self.headers = headers
            self.body = body
            self.meta = meta
        }

        package var indices: [Int] { [method, headers, body, meta] }
    }

    /// - Precondition: Each index is one of `names`.
    public init(
        _ names: [String], key: Int? = nil, kept: [Int] = [], parts: RequestParts? = nil,
        trail: Trail? = nil
    ) {
        let indices =
            kept + (key.map { [$0] } ?? []) + (parts?.indices ?? []) + (trail?.indices ?? [])
        precondition(indices.allSatisfy(names.indices.contains), "each field has a name")
        self.names = names
        self.key = key
        self.kept = kept
        self.parts = parts
        self.trail = trail
    }

    /// The most fields that a line keeps.
    public static let countMax = 1000
    /// The most bytes of a line's fields.
    public static let lineBytesMax = 2 << 20
}
