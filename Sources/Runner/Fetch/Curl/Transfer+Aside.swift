internal import CCurl
internal import JobStore

/// Requests that a worker makes for its run, before that of its job.
extension Transfer {
    /// The most redirects that are followed for such a request, whatever jobs may.
    private static let asideRedirectsMax = 5

    /// The most redirects that are followed for the request under way.
    var redirectsMax: Int {
        aside == nil ? shard.loop.settings.redirectsMax : Self.asideRedirectsMax
    }

    /// Makes a request to the host of a job, as the job's own would be made. Suspends the worker once.
    ///
    /// - Parameters:
    ///   - url: The URL, of the job's host.
    ///   - content: The rest of the request.
    ///   - body: Takes the body of the last response, decoded.
    /// - Returns: The response; whole, too, where there was more of it than `body` takes.
    func fetch(
        _ url: String, beside job: Job, _ content: RequestContent, into body: BoundedBody
    ) async -> Response {
        let kept = capture.take()
        aside = body
        defer {
            aside = nil
            capture = kept
        }
        return await withUnsafeContinuation { worker in
            self.job = JobUnderWay(
                worker: worker, chunk: .passUnretained(job.chunk), host: job.chunk.hostID,
                startedMicros: shard.loop.now.monotonicMicros)
            self.content = content
            response = Response()
            if shard.loop.isCancelled { return end(with: Response(failure: .cancelled)) }
            guard self.url.set(to: Array(url.utf8), shard.loop.settings) == CURLUE_OK else {
                return end(with: Response(failure: .reason(.badURL)))
            }
            begin(of: job.chunk, isHTTPS: url.hasPrefix("https:"))
        }
    }

    /// The first value of a field of the last response's head; `nil` when there is none.
    func field(_ name: String) -> String? { easy_get_field(easy, name).map { String(cString: $0) } }

    /// The address that the last request was sent to; empty by a proxy, and when nothing was
    /// connected.
    var remoteIP: [UInt8] { handle.hasProxy ? [] : handle.remoteIP }

    /// Path and query of a job's request, as they are sent; `nil` when its URL is none.
    func target(of job: Job) -> [UInt8]? {
        url.set(to: job, shard.loop.settings) == CURLUE_OK ? url.target : nil
    }

    /// The time, as of the loop's turn.
    var now: Now { shard.loop.now }
}
