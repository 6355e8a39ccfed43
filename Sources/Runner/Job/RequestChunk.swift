internal import JobStore

/// The requests of some jobs of a batch, prepared for a run: what they share is worked out once.
///
/// Of a range, all jobs are in one chunk. Of a list, the jobs of a block that go to one host are.
final class RequestChunk: Sendable {
    let batch: Batch
    /// The host of all jobs; where each has its own (`hasOneHost`), one that stands for all.
    let host: Host
    /// The number of `host`, which is asked for several times a request.
    let hostID: Host.ID
    /// Whether all jobs go to one host, so that connections that fail are the host's trouble.
    let hasOneHost: Bool
    /// Whether the batch may have jobs of several hosts.
    let hasSeveralHosts: Bool
    let isHTTPS: Bool
    /// The most of the host's requests in flight at once; `.max` where there is no such bound.
    let inFlightMax: Int
    let requests: Requests
    /// The validators by which jobs are asked for; `nil` when there are none.
    let validators: JobValidators?

    enum Requests {
        case range(RangeRequests)
        case list(ListRequests)
    }

    /// Whether the jobs are of a list.
    var isOfList: Bool {
        switch requests {
        case .range: false
        case .list: true
        }
    }

    /// Whether all jobs of the batch go to the host.
    var isAllOfBatch: Bool {
        switch batch.source {
        case .range: hasOneHost
        case .list(let list): list.hasOneHost
        }
    }

    /// The lane in the queue that the jobs are claimed from; `nil` for a range.
    var source: ListLane? {
        switch requests {
        case .range: nil
        case .list(let list): ListLane(batchID: batch.id, number: list.lane)
        }
    }

    private init(
        _ batch: Batch, _ host: Host, hasOneHost: Bool, inFlightMax: Int, _ requests: Requests,
        _ validators: JobValidators? = nil
    ) {
        self.validators = validators
        self.batch = batch
        self.inFlightMax = inFlightMax
        self.host = host
        self.hasOneHost = hasOneHost
        self.requests = requests
        hostID = host.id
        hasSeveralHosts =
            switch batch.source {
            case .range(_, let template): !template.hasOneHost
            case .list(let list): !list.hasOneHost
            }
        isHTTPS = host.key.isHTTPS
    }

    /// Makes the chunk of a range.
    ///
    /// - Parameters:
    ///   - hosts: The hosts of the run.
    ///   - defaults: The part of requests that comes from the run.
    ///   - inFlightMax: Holds where all jobs have one host.
    /// - Throws: When a variable or a file that the requests refer to is missing.
    convenience init(
        _ batch: Batch, _ range: JobRange, _ template: RequestTemplate, _ hosts: HostTable,
        _ defaults: RequestDefaults, inFlightMax: Int = .max
    ) throws(RequestError) {
        let requests = try RangeRequests(template, ids: range, defaults)
        let key = HostKey(of: template.url)
        let hasOneHost = template.hasOneHost
        self.init(
            batch, hasOneHost ? hosts.host(key) : hosts.standIn(for: batch.id, key),
            hasOneHost: hasOneHost, inFlightMax: hasOneHost ? inFlightMax : .max, .range(requests))
    }

    /// Returns the chunk of jobs of a range that are asked for by validators; itself for `nil`.
    func asking(by validators: JobValidators?) -> RequestChunk {
        guard let validators else { return self }
        return RequestChunk(
            batch, host, hasOneHost: hasOneHost, inFlightMax: inFlightMax, requests, validators)
    }

    /// The same for one job that may be asked about after its mark is in the queue: then the line of
    /// a list may be gone otherwise (`ListRequests.keep`).
    func keepingLine(of position: Int) -> RequestChunk {
        guard case .list(let list) = requests else { return self }
        return RequestChunk(
            batch, host, hasOneHost: hasOneHost, inFlightMax: inFlightMax,
            .list(ListRequests(list, only: position)), validators)
    }

    /// Makes the spans of some jobs of a list, with a chunk for each host.
    ///
    /// - Parameters:
    ///   - positions: The positions of the jobs, as runs.
    ///   - attempt: The number of the attempt.
    ///   - past: The earlier attempts, of a job that is tried again.
    ///   - inFlightMax: The most requests in flight to each host.
    ///   - validators: Those by which the jobs are asked for.
    static func spans(
        of requests: ListRequests, _ positions: [Range<Int>], of batch: Batch, _ hosts: HostTable,
        attempt: Int, past: Job.Past = Job.Past(), inFlightMax: Int = .max,
        validators: JobValidators? = nil
    ) -> [JobSpan] {
        var chunks: [ArraySlice<UInt8>: RequestChunk] = [:]
        var spans: [JobSpan] = []
        for run in positions {
            var position = run.lowerBound
            while position < run.upperBound {
                let authority = requests.authority(at: position)
                var end = position + 1
                while end < run.upperBound, requests.authority(at: end) == authority { end += 1 }
                let chunk =
                    chunks[authority]
                    ?? RequestChunk(
                        batch,
                        hosts.host(HostKey(of: String(decoding: authority, as: UTF8.self))),
                        hasOneHost: true, inFlightMax: inFlightMax, .list(requests), validators)
                chunks[authority] = chunk
                spans.append(
                    JobSpan(
                        chunk: chunk, first: position, count: end - position, attempt: attempt,
                        past: past))
                position = end
            }
        }
        return spans
    }

    /// The request of a job.
    func request(at position: Int) -> JobRequest { JobRequest(chunk: self, position: position) }
}

/// The request of one job.
struct JobRequest {
    private let chunk: RequestChunk
    private let position: Int

    fileprivate init(chunk: RequestChunk, position: Int) {
        self.chunk = chunk
        self.position = position
    }

    /// The job's ID, which people see.
    var id: Int {
        switch chunk.requests {
        case .range(let range): range.id(at: position)
        case .list(let list): list.id(at: position)
        }
    }

    var method: HTTPMethod {
        switch chunk.requests {
        case .range(let range): range.contents.method
        case .list(let list): list.method(at: position)
        }
    }

    /// All of the request but its URL.
    var content: RequestContent {
        let plain = plainContent
        return validators.map { plain.asking(since: $0) } ?? plain
    }

    /// The validators by which the job is asked for; `nil` when it has none.
    var validators: Validators? { chunk.validators?[position] }

    private var plainContent: RequestContent {
        switch chunk.requests {
        case .range(let range):
            range.contents.shared ?? range.contents.content(for: range.id(at: position))
        case .list(let list): list.content(at: position)
        }
    }

    var host: HostKey {
        switch chunk.requests {
        case .range(let range) where !chunk.hasOneHost:
            HostKey(of: range.template.url(for: range.id(at: position)))
        case .range, .list: chunk.host.key
        }
    }

    /// Appends the URL in UTF-8, without user name and password.
    func appendURL(to bytes: inout [UInt8]) {
        switch chunk.requests {
        case .range(let range): range.publicURL.append(range.id(at: position), to: &bytes)
        case .list(let list): bytes += Array(list.url(at: position)).withoutUser()
        }
    }

    /// Appends the URL, without user name and password, as the characters of a JSON string,
    /// without the quotes.
    func appendJSONURL(to bytes: inout [UInt8]) {
        switch chunk.requests {
        case .range(let range): range.jsonURL.append(range.id(at: position), to: &bytes)
        case .list(let list): bytes.append(json: Array(list.url(at: position)).withoutUser())
        }
    }

    /// The key that the job's line has of its own; `nil` when it has none.
    var key: ArraySlice<UInt8>? {
        switch chunk.requests {
        case .range: nil
        case .list(let list): list.key(at: position)
        }
    }

    /// Where the request was found; `nil` when it was enqueued.
    var trail: FoundTrail? {
        switch chunk.requests {
        case .range: nil
        case .list(let list): list.trail(at: position)
        }
    }

    /// Appends the values that the job's line has for the output, as JSON; nothing when it has
    /// none.
    ///
    /// - Parameter prefix: Appended before the values.
    func appendMeta(after prefix: StaticString, to bytes: inout [UInt8]) {
        switch chunk.requests {
        case .range: break
        case .list(let list): list.appendMeta(at: position, after: prefix, to: &bytes)
        }
    }
}
