internal import JobStore
internal import Synchronization

/// Lets a job pass if the robots.txt of its origin allows its URL, for all workers of a run.
///
/// The first worker with a job of an origin asks for the file, by its own transfer; others with a job
/// of that origin wait for the answer, as they would for one to their own request. Then their jobs
/// are handed out again, at the pace of their host: of all at once, the host would have too many.
final class RobotsGate: Sendable {
    /// The decision about a job.
    enum Passage {
        /// The job may be asked for. The origin wants so many µs between two requests; 0 when it
        /// does not say.
        case open(crawlDelayMicros: Int)
        /// The job is to be handed out again, at the pace of its host, which wants so many µs
        /// between two requests; 0 when it does not say.
        case again(crawlDelayMicros: Int)
        /// The job ends with this response, and no request for it is made.
        case closed(Response)
    }

    private struct State {
        var book = RobotsBook()
        /// The workers that wait for an origin's answer, by the origins that somebody asks.
        var waiting: [HostKey: [UnsafeContinuation<Place, Never>]] = [:]
    }

    private let options: RobotsOptions
    private let coversAll: Bool
    private let queue: any JobQueue
    private let state = Locked(State())

    /// - Parameter queue: Keeps what origins answered.
    init(_ options: RobotsOptions, _ queue: any JobQueue) {
        self.options = options
        coversAll = options.scope == .all
        self.queue = queue
    }

    /// Whether jobs of a chunk have to pass.
    func covers(_ chunk: RequestChunk) -> Bool { chunk.hasSeveralHosts || coversAll }

    /// Decides about a job, and asks its origin where nothing is known of it. Called on the loop of
    /// the transfer.
    func passage(of job: Job, by transfer: Transfer) async -> Passage {
        let origin = job.chunk.hasOneHost ? job.chunk.host.key : job.request.host
        let (known, isKeepDue) = state.withLock { state in
            (state.book.rules(of: origin, at: transfer.now), state.book.isKeepDue(at: transfer.now))
        }
        if isKeepDue { await keep(at: transfer.now) }
        if let known { return passage(of: job, by: known, transfer) }
        switch await place(of: origin, at: transfer.now) {
        case .first:
            switch await find(origin, job, transfer) {
            case .rules(let rules): return passage(of: job, by: rules, asked: true, transfer)
            case .trouble(let response): return .closed(response)
            }
        case .behind(.rules(let rules)): return .again(crawlDelayMicros: rules.crawlDelayMicros)
        case .behind(.trouble(let response)): return .closed(response)
        case .late(let rules): return passage(of: job, by: rules, transfer)
        }
    }

    /// - Parameter asked: Whether the origin was asked for the rules on behalf of the job.
    private func passage(
        of job: Job, by rules: RobotsRules, asked: Bool = false, _ transfer: Transfer
    ) -> Passage {
        // What is no URL is refused as such, when it is asked for.
        guard !rules.allowsAll, let target = transfer.target(of: job), !rules.allows(target) else {
            let delayMicros = rules.crawlDelayMicros
            // It was handed out before the feed knew of the delay.
            let isTooSoon =
                !asked && delayMicros > 0 && job.chunk.hasOneHost
                && !job.chunk.host.behaviour.contains(.keepsCrawlDelay)
            return isTooSoon
                ? .again(crawlDelayMicros: delayMicros) : .open(crawlDelayMicros: delayMicros)
        }
        return .closed(
            Response(
                failure: .reason(.robots), crawlDelayMicros: rules.crawlDelayMicros,
                isUnsent: !asked,
                message: "disallowed by \(job.request.host.text)/robots.txt"))
    }

    // MARK: - An origin of which nothing is known

    private func find(
        _ origin: HostKey, _ job: Job, _ transfer: Transfer
    ) async -> RobotsFinding {
        if !coversAll, LocalNames.contain(origin.name) {
            return end(origin, .rules(.allowingAll), at: transfer.now)
        }
        if let record = await kept(origin) {
            let rules = RobotsFile(kept: record.body, for: options.agent).rules
            return end(origin, .rules(rules), record.lifetime, at: transfer.now)
        }
        return await ask(origin, job, transfer)
    }

    /// The place of a worker among those that have jobs of an origin of which nothing was known.
    private enum Place {
        /// The worker is to ask.
        case first
        /// Another worker has asked, and this one has waited.
        case behind(RobotsFinding)
        /// Another worker has asked meanwhile.
        case late(RobotsRules)
    }

    /// Returns a worker's place. While another worker asks the origin, waits for its finding.
    private func place(of origin: HostKey, at now: Now) async -> Place {
        await withUnsafeContinuation { worker in
            let place: Place? = state.withLock { state in
                if let rules = state.book.rules(of: origin, at: now) { return .late(rules) }
                guard state.waiting[origin] != nil else {
                    state.waiting[origin] = []
                    return .first
                }
                state.waiting[origin]?.append(worker)
                return nil
            }
            if let place { worker.resume(returning: place) }
        }
    }

    /// The record that the queue has of an origin; `nil` when there is none for this crawler.
    private func kept(_ origin: HostKey) async -> RobotsRecord? {
        // A queue that cannot be read says so at the next claim.
        guard let record = try? await queue.robots(of: origin.text),
            record.body.starts(with: RobotsFile.heading(for: options.agent))
        else { return nil }
        return record
    }

    private func ask(_ origin: HostKey, _ job: Job, _ transfer: Transfer) async -> RobotsFinding {
        let body = BoundedBody(bytesMax: RobotsFile.bytesMax + 1)
        let name = job.content.value(of: "User-Agent")
        let content = RequestContent(
            method: .get, fields: [.init("User-Agent", name)], body: nil)
        var response = await transfer.fetch(
            origin.text + "/robots.txt", beside: job, content, into: body)
        let now = transfer.now
        if !coversAll, LocalNames.isLocal(address: transfer.remoteIP) {
            // Of a name, only the connection tells.
            return end(origin, .rules(.allowingAll), at: now)
        }
        guard let rules = rules(in: body, after: response) else {
            // The host has answered; that another one is unknown is no answer about the job.
            if response.redirects > 0 { response.isNameUnknown = false }
            response.bodyBytes = 0
            response.isOfRobots = true
            return end(origin, .trouble(response), at: now)
        }
        let lifetime = RobotsLifetime.of(cacheControl: transfer.field("Cache-Control"))
        let record = RobotsRecord(
            origin: origin.text, status: response.status,
            body: RobotsFile.text(of: rules, for: options.agent), lifetime: lifetime)
        let finding = end(origin, .rules(rules), lifetime, keeping: record, at: now)
        if state.withLock({ $0.book.isKeepDue(at: now) }) { await keep(at: now) }
        return finding
    }

    /// Returns the rules that an answer stands for; `nil` when the origin is to be asked again.
    ///
    /// > If the server responds with 4xx, crawlers MAY access any resources. […] If the robots.txt is
    /// > unreachable due to server or network errors, […] the crawler MUST assume complete disallow.
    /// <https://www.rfc-editor.org/rfc/rfc9309#section-2.3.1>
    private func rules(in body: BoundedBody, after response: Response) -> RobotsRules? {
        switch response.failure {
        case nil where (200..<300).contains(response.status):
            RobotsFile(body.bytes, for: options.agent).rules
        case nil: Judge.isWorthRetrying(response.status) ? nil : .allowingAll
        // > Crawlers SHOULD follow at least five consecutive redirects. If there are more, they MAY
        // > assume that the robots.txt file is unavailable.
        case .reason(.redirects), .reason(.tooLarge): .allowingAll
        // A redirect to a place where a crawler may not go is one that is not followed.
        case .reason(.forbiddenAddress) where response.redirects > 0: .allowingAll
        case .reason, .local, .cancelled, .unkept: nil
        }
    }

    /// Ends the asking of an origin: takes in the finding, and tells those who wait for it.
    ///
    /// - Parameter lifetime: The time for which rules count; `nil` for ever.
    private func end(
        _ origin: HostKey, _ finding: RobotsFinding, _ lifetime: Duration? = nil,
        keeping record: RobotsRecord? = nil, at now: Now
    ) -> RobotsFinding {
        let workers = state.withLock { state in
            switch finding {
            case .rules(let rules):
                state.book.add(rules, for: origin, lifetime: lifetime, at: now)
            case .trouble: break
            }
            if let record { state.book.add(record) }
            return state.waiting.removeValue(forKey: origin) ?? []
        }
        for worker in workers { worker.resume(returning: .behind(finding)) }
        return finding
    }

    // MARK: - The queue

    /// Keeps in the queue what was found out since the last time. What cannot be kept is asked for
    /// again, by the next run.
    func keep(at now: Now = Now.read()) async {
        let records = state.withLock { $0.book.takeUnkept(at: now) }
        if !records.isEmpty { try? await queue.keep(records) }
    }
}

/// The time for which a robots.txt counts.
enum RobotsLifetime {
    /// The shortest: many servers say of all that they send that it is not to be cached.
    static let least = Duration.seconds(3600)

    /// Returns the time that a response asks for, an hour at least and a day at most.
    ///
    /// - Parameter cacheControl: The value of Cache-Control; `nil` when there is none.
    static func of(cacheControl: String?) -> Duration {
        let directives = cacheControl?.lowercased().split(separator: ",") ?? []
        let ages = directives.compactMap { directive -> Int? in
            let parts = directive.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, parts[0].filter({ $0 != " " }) == "max-age" else { return nil }
            let digits = parts[1].filter { $0 != " " && $0 != "\"" }
            guard digits.allSatisfy({ ("0"..."9").contains($0) }) else { return nil }
            return Int(digits)
        }
        guard let age = ages.first else { return RobotsRecord.lifetimeMax }
        return max(least, min(.seconds(min(age, 1 << 32)), RobotsRecord.lifetimeMax))
    }
}
