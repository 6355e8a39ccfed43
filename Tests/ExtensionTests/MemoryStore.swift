import JobStore
import Synchronization

/// A queue in memory that several runners may work on at a time: a store in one file, as small as a
/// store can be. It keeps facts of each job that was ever claimed, and walks all of them for most
/// questions.
///
/// Each `MemoryQueue` is a process's connection to it; runners whose connection was closed are dead.
final class MemoryStore: Sendable {
    struct State {
        /// Numbered from 1, in order.
        var batches: [BatchFacts] = []
        /// The names that handlers gave reasons.
        var names: Set<HandlerReason> = []

        /// The outcome as it is kept: like any store, this one has so many names apart.
        mutating func kept(_ outcome: Outcome) -> Outcome {
            guard let name = outcome.handlerReason, !names.contains(name) else { return outcome }
            guard names.count < HandlerReason.storedMax else {
                return Outcome(outcome.state, .handler)
            }
            names.insert(name)
            return outcome
        }
        var keys: [String: Batch.ID] = [:]
        var runners: [RunnerFacts] = []
        var sites: [SiteFacts] = []
        /// The lists that are being added as they come, or whose import died.
        var streams: [StreamFacts] = []
        var lastRunnerID = 0
        /// The set of requests, and the lists in it.
        var hashes: Set<RequestHash> = []
        var hashedLists: Set<Batch.ID> = []
        let hashKey = RequestHash.Key(
            first: .random(in: 0...(.max)), second: .random(in: 0...(.max)))
        /// The connection by which a list is being added without duplicates; `nil` for none.
        var uniqueConnection: Int?
        var settings: [String: String] = [:]
        /// Each with the time until which it counts.
        var robots: [String: (record: RobotsRecord, untilMicros: Int)] = [:]
        var paces: [String: PaceFacts] = [:]
    }

    /// What a host asked for.
    struct PaceFacts {
        let untilMicros: Int
        let requestsPerSecond: Double?
        let seenMicros: Int
    }

    struct BatchFacts {
        var batch: Batch
        let label: BatchLabel
        let enqueuedAtMicros: Int
        /// The jobs that were claimed at some time; the others are available.
        var jobs: [Int: JobFacts] = [:]
        /// The blocks of a list, in order.
        var blocks: [ListBlock] = []
        /// When the batch was cancelled first; `nil` when it was not.
        var cancelledAtMicros: Int?
        /// The jobs that were put back since there is an output.
        var supersededMax = 0

        /// The positions that are claimed together: a block of a list, or a multiple of a segment's
        /// size.
        var pieces: [(positions: Range<Int>, block: ListBlock?)] {
            guard blocks.isEmpty else { return blocks.map { ($0.positions, $0) } }
            return stride(from: 0, to: batch.count, by: Segment.countMax).map {
                ($0..<min($0 + Segment.countMax, batch.count), nil)
            }
        }

        /// The block of one job's line; `nil` of a range.
        func line(of position: Int) -> ListBlock? {
            guard let block = blocks.first(where: { $0.positions.contains(position) }),
                let lines = block.lines()
            else { return nil }
            return block.only(position, of: lines)
        }

        var isFinished: Bool {
            jobs.count == batch.count
                && jobs.values.allSatisfy { $0.outcome.map { $0.state != .retrying } ?? false }
        }
    }

    /// What is known of one job.
    struct JobFacts {
        var outcome: Outcome?
        var attempts = 0
        var excused = 0
        /// When the first attempt was marked.
        var sinceMicros = 0
        var dueMicros = 0
        /// Before this time the job is not claimed, though it is available.
        var parkedMicros = 0
        /// The runner that has the job, dead or alive; `nil` for none.
        var runner: Int?
    }

    struct RunnerFacts {
        let id: Int
        let description: RunnerDescription
        let site: Site
        let startedAtMicros: Int
        var heartbeatMicros: Int
        var heartbeat = Heartbeat(requestsPerSecond: 0)
        var measures: String?
        /// The connection that the runner attached by.
        let connection: Int
        var limits: [String: String] = [:]
        var wish = 0
        var wishTaken = 0
    }

    /// A list that is being added as it comes.
    struct StreamFacts {
        let origin: ListOrigin?
        /// The batch, once it has jobs.
        var batchID: Batch.ID?
        var taken = TakenPart()
        /// The connection that adds to the list; `nil` for none.
        var connection: Int?
    }

    struct SiteFacts {
        let site: Site
        var settings: OutputSettings?
        var files: [OutputFile] = []
        var completedBefore = 0
    }

    let state = Mutex(State())
    /// The store's clock: the Unix time in µs.
    let unixMicros: @Sendable () -> Int
    private let connections = Atomic(0)

    init(unixMicros: @escaping @Sendable () -> Int) { self.unixMicros = unixMicros }

    func connect() -> MemoryQueue {
        MemoryQueue(self, number: connections.add(1, ordering: .relaxed).newValue)
    }
}

/// A connection to a `MemoryStore`.
struct MemoryQueue: JobQueue {
    private let store: MemoryStore
    private let number: Int

    init(_ store: MemoryStore, number: Int) {
        self.store = store
        self.number = number
    }

    var allowsManyRunners: Bool { true }
    /// As of a store that many runners would ask over a network.
    var countsInterval: Duration { .seconds(30) }

    // MARK: - Looking

    func references(of batch: Batch.ID?) -> [HeaderSource] {
        store.state.withLock { state in
            state.batches(batch).filter { !$0.isFinished }.flatMap { facts in
                facts.batch.source.request.headers.filter(\.isReference)
            }
        }
    }

    func setting(_ name: String) -> String? { store.state.withLock { $0.settings[name] } }

    func hostsHeldBack(limit: Int) -> [HostPace] {
        let now = store.unixMicros()
        let paces = store.state.withLock { $0.paces(at: now) }.filter { !$0.isFree && !$0.isOfRun }
        let sorted = paces.sorted {
            let rates = ($0.requestsPerSecond ?? .infinity, $1.requestsPerSecond ?? .infinity)
            return ($1.wait, rates.0, $0.host) < ($0.wait, rates.1, $1.host)
        }
        return Array(sorted.prefix(limit))
    }

    func keep(_ value: String?, as name: String) {
        store.state.withLock { $0.settings[name] = value }
    }

    func ask(_ limits: [String: String], of runner: Int) -> Int? {
        store.state.withLock { state in
            guard let index = state.runners.firstIndex(where: { $0.id == runner }) else {
                return nil
            }
            state.runners[index].limits.merge(limits) { $1 }
            state.runners[index].wish += 1
            return state.runners[index].wish
        }
    }

    func robots(of origin: String) -> RobotsRecord? {
        let now = store.unixMicros()
        guard let (record, until) = store.state.withLock({ $0.robots[origin] }), until > now,
            until <= now + MemoryLease.micros(RobotsRecord.lifetimeMax)
        else { return nil }
        return RobotsRecord(
            origin: origin, status: record.status, body: record.body,
            lifetime: .microseconds(until - now))
    }

    func keep(_ robots: [RobotsRecord]) {
        let now = store.unixMicros()
        store.state.withLock { state in
            for record in robots {
                let life = min(record.lifetime, RobotsRecord.lifetimeMax)
                state.robots[record.origin] = (record, now + MemoryLease.micros(life))
            }
        }
    }

    func counts(of batch: Batch.ID?) -> QueueCounts {
        store.state.withLock { $0.counts(of: batch, at: store.unixMicros()) }
    }

    func batches(from id: Batch.ID, limit: Int) -> BatchPage {
        store.state.withLock { state in
            let rest = state.batches.drop { $0.batch.id < id }
            let summaries = rest.prefix(limit).map { facts in
                BatchSummary(
                    batch: facts.batch, name: facts.label.name, priority: facts.label.priority,
                    enqueuedAtMicros: facts.enqueuedAtMicros,
                    cancelledAtMicros: facts.cancelledAtMicros,
                    counts: state.counts(of: facts.batch.id))
            }
            return BatchPage(summaries, next: rest.dropFirst(limit).first?.batch.id)
        }
    }

    func sites() -> [Site] {
        store.state.withLock { $0.sites.isEmpty ? [.only] : $0.sites.map(\.site) }
    }

    func output(of site: Site) -> QueueOutput { store.state.withLock { $0.output(of: site) } }

    /// A page for each batch.
    func page(from place: LedgerPlace) -> LedgerPage {
        store.state.withLock { state in
            let facts = state.batches.first { facts in
                facts.batch.id > place.batchID
                    || facts.batch.id == place.batchID && place.position < facts.batch.count
            }
            guard let facts else { return LedgerPage(spans: [], next: nil) }
            let batch = facts.batch
            var spans: [LedgerPage.Span] = []
            var end = batch.id == place.batchID ? place.position : 0
            func add(_ positions: Range<Int>, _ jobState: JobState, _ outcome: Outcome?) {
                var first = positions.lowerBound
                if let last = spans.last, last.state == jobState, last.outcome == outcome {
                    first = last.positions.lowerBound
                    spans.removeLast()
                }
                spans.append(
                    .init(
                        batch: batch, positions: first..<positions.upperBound, state: jobState,
                        outcome: outcome))
                end = positions.upperBound
            }
            for position in facts.jobs.keys.sorted() where position >= end && spans.count < 4096 {
                if position > end { add(end..<position, .available, nil) }
                let job = facts.jobs[position]
                let outcome = job?.outcome == .cancelled ? nil : job?.outcome
                add(position..<position + 1, state.standing(of: job), outcome)
            }
            if spans.count < 4096, end < batch.count { add(end..<batch.count, .available, nil) }
            let next =
                end < batch.count
                ? LedgerPlace(batchID: batch.id, position: end)
                : LedgerPlace(batchID: batch.id + 1, position: 0)
            let isLast = end == batch.count && batch.id == state.batches.count
            return LedgerPage(spans: spans, next: isLast ? nil : next)
        }
    }

    /// A window for each batch. There is little that could contradict itself.
    func verify(from place: LedgerPlace) -> VerifiedWindow {
        store.state.withLock { state in
            guard let facts = state.batches.first(where: { $0.batch.id >= place.batchID }) else {
                return VerifiedWindow(faults: [])
            }
            let strays = facts.jobs.keys.filter { !(0..<facts.batch.count).contains($0) }
            return VerifiedWindow(
                faults: strays.map { "batch \(facts.batch.id) has no job \($0)" },
                next: LedgerPlace(batchID: facts.batch.id + 1, position: 0))
        }
    }

    func close() async { store.state.withLock { $0.bury(connection: number) } }

    // MARK: - Adding

    func addBatch(
        _ source: BatchSource, as label: BatchLabel
    ) throws(QueueError) -> (batch: Batch, isNew: Bool) {
        try Self.checkAsksPlainly(label)
        return try store.state.withLock { state throws(QueueError) in
            if let key = label.key, let id = state.keys[key] {
                let known = state.batches[id - 1].batch
                guard known.source == source else {
                    throw QueueError(.keyTaken, "the key '\(key)' is taken")
                }
                return (known, false)
            }
            return (try state.add(source, label, at: store.unixMicros()), true)
        }
    }

    /// - Throws: `.unsupported` when jobs are to be asked for by validators: it keeps none.
    fileprivate static func checkAsksPlainly(_ label: BatchLabel) throws(QueueError) {
        guard label.conditionalOn == nil else {
            throw QueueError(.unsupported, "this store keeps no validators")
        }
    }

    func batch(named name: String) -> Batch? {
        store.state.withLock { state in state.batches.first { $0.label.name == name }?.batch }
    }

    func batch(enqueuedAs key: String) -> Batch? {
        store.state.withLock { state in state.keys[key].map { state.batches[$0 - 1].batch } }
    }

    func addList(_ request: RequestTemplate, _ fields: LineFields) -> any ListImport {
        MemoryImport(store: store, request: request, fields: fields)
    }

    func streamList(
        _ request: RequestTemplate, _ fields: LineFields, from origin: ListOrigin?,
        mayRepeat: Bool, as label: BatchLabel
    ) throws(QueueError) -> any ListStream {
        let index = try store.state.withLock { state throws(QueueError) in
            let isKnown = state.streams.contains {
                origin != nil && $0.origin == origin && ($0.connection != nil || $0.batchID != nil)
            }
            if isKnown, !mayRepeat { throw QueueError(.inUse, "the list is being added") }
            state.streams.append(.init(origin: origin, connection: number))
            return state.streams.count - 1
        }
        let list = JobList(count: 0, request: request, fields: fields)
        return MemoryStream(store: store, index: index, list: list, label: label, before: nil)
    }

    func resumeList(_ batch: Batch.ID) throws(QueueError) -> any ListStream {
        try store.state.withLock { state throws(QueueError) in
            guard let index = state.streams.firstIndex(where: { $0.batchID == batch }),
                let before = state.unfinished(index), case .list(let list) = before.batch.source
            else { throw QueueError(.fenced, "batch \(batch) is not being added") }
            guard before.isBeingAdded == false else {
                throw QueueError(.inUse, "batch \(batch) is being added")
            }
            state.streams[index].connection = number
            let label = BatchLabel(name: before.name, priority: before.priority)
            return MemoryStream(
                store: store, index: index, list: list, label: label, before: before)
        }
    }

    func unfinishedLists() -> [UnfinishedList] {
        store.state.withLock { state in
            state.streams.indices.compactMap { state.unfinished($0) }
                .sorted { $0.batch.id < $1.batch.id }
        }
    }

    func addUniqueList(
        _ request: RequestTemplate, _ fields: LineFields
    ) throws(QueueError) -> any UniqueListImport {
        let key = try store.state.withLock { state throws(QueueError) in
            guard state.uniqueConnection == nil else {
                throw QueueError(.busy, "another list is being added without duplicates")
            }
            state.uniqueConnection = number
            return state.hashKey
        }
        return MemoryUniqueImport(
            store: store, list: MemoryImport(store: store, request: request, fields: fields),
            hashKey: key)
    }

    func block(holding position: Int, of batch: Batch) throws(QueueError) -> ListBlock {
        let block = store.state.withLock { state in
            state.batches[batch.id - 1].blocks.first { $0.positions.contains(position) }
        }
        guard let block else { throw QueueError(.damaged, "job \(position) has no line") }
        return block
    }

    func cancel(_ batch: Batch.ID) throws(QueueError) -> Cancellation {
        let now = store.unixMicros()
        return try store.state.withLock { state throws(QueueError) in
            guard state.batches.indices.contains(batch - 1) else {
                throw QueueError(.noBatch, "there is no batch \(batch)")
            }
            let isNew = state.batches[batch - 1].cancelledAtMicros == nil
            if isNew { state.batches[batch - 1].cancelledAtMicros = now }
            let before = state.counts(of: batch).cancelled
            for position in 0..<state.batches[batch - 1].batch.count {
                state.cancel(position, of: batch - 1)
            }
            let counts = state.counts(of: batch)
            return Cancellation(
                cancelled: counts.cancelled - before, running: counts.running, isNew: isNew)
        }
    }

    func putBack(_ jobs: FailedJobs) async throws(QueueError) -> Int {
        var spans: [LedgerPage.Span] = []
        do {
            try await forEachFailed(jobs) { spans.append($0) }
        } catch let error as QueueError {
            throw error
        } catch {
            preconditionFailure("nothing else is thrown: \(error)")
        }
        return store.state.withLock { state in
            spans.reduce(0) { $0 + state.putBack($1.positions, of: $1.batch.id - 1, jobs) }
        }
    }

    func checkForgettable(_ sites: [Site]) throws(QueueError) {
        try store.state.withLock { state throws(QueueError) in
            for site in sites { _ = try state.forgettable(site) }
        }
    }

    func beginForgetting(_ sites: [Site]) throws(QueueError) -> SiteForgetting {
        try store.state.withLock { state throws(QueueError) in
            var identities: [Site: String] = [:]
            for site in sites { identities[site] = try state.forgettable(site).identity }
            let known = state.forgetting
            if let known, !known.begun.isSubset(of: sites) {
                throw known.unfinished(in: "memory")
            }
            let forgetting = SiteForgetting(of: identities, after: known)
            state.settings[SiteForgetting.name] = forgetting.text
            return forgetting
        }
    }

    func putBack(
        _ positions: [Range<Int>], of batch: Batch.ID, lostWith forgetting: SiteForgetting
    ) throws(QueueError) {
        try store.state.withLock { state throws(QueueError) in
            try state.goOn(forgetting)
            let isCancelled = state.batches[batch - 1].cancelledAtMicros != nil
            for position in positions.joined()
            where state.batches[batch - 1].jobs[position]?.outcome?.state == .completed {
                state.batches[batch - 1].jobs[position] =
                    isCancelled ? .init(outcome: .cancelled) : nil
            }
        }
    }

    func endForgetting(_ forgetting: SiteForgetting) throws(QueueError) {
        try store.state.withLock { state throws(QueueError) in
            try state.goOn(forgetting)
            var identities: [String] = []
            for site in forgetting.sites {
                let settings = try state.forgettable(site)
                identities += [settings.identity, settings.identityBefore]
                guard let index = state.sites.firstIndex(where: { $0.site == site }) else {
                    continue
                }
                state.sites[index] = .init(site: site)
            }
            state.settings[SiteForgetting.forgottenName] = SiteForgetting.forgotten(
                state.settings[SiteForgetting.forgottenName], adding: identities)
            state.settings[SiteForgetting.name] = nil
        }
    }

    func recordsSupersededMax(of batch: Batch.ID) -> Int {
        store.state.withLock { $0.batches(batch).first?.supersededMax ?? 0 }
    }

    // MARK: - Working

    func attach(_ runner: RunnerDescription) throws(QueueError) -> any RunnerLease {
        let now = store.unixMicros()
        return try store.state.withLock { state throws(QueueError) in
            let (rescued, mayRepeat) = state.rescue()
            state.lastRunnerID += 1
            let site = try state.site(for: runner)
            state.runners.append(
                .init(
                    id: state.lastRunnerID, description: runner, site: site, startedAtMicros: now,
                    heartbeatMicros: now, connection: number))
            return MemoryLease(
                store: store, runner: state.lastRunnerID, batch: runner.batch,
                attachment: Attachment(
                    rescued: rescued, mayRepeat: mayRepeat,
                    retrying: state.counts(of: runner.batch).retrying,
                    counts: state.counts(of: runner.batch, at: now), site: site,
                    output: state.output(of: site), hosts: state.paces(at: now)))
        }
    }
}

/// A list that is being added to a `MemoryStore`.
final class MemoryImport: ListImport {
    private let store: MemoryStore
    private let request: RequestTemplate
    private let fields: LineFields
    private let blocks = Mutex<[ListBlock]>([])

    init(store: MemoryStore, request: RequestTemplate, fields: LineFields) {
        self.store = store
        self.request = request
        self.fields = fields
    }

    func add(_ blocks: [ListBlock]) { self.blocks.withLock { $0 += blocks } }

    func finish(
        as label: BatchLabel, hasOneHost: Bool
    ) throws(QueueError) -> (batch: Batch, isNew: Bool)? {
        let blocks = blocks.withLock(\.self)
        let count = blocks.reduce(0) { $0 + $1.count }
        guard count > 0 else { return nil }
        try MemoryQueue.checkAsksPlainly(label)
        return try store.state.withLock { state throws(QueueError) in
            if let key = label.key, let id = state.keys[key] {
                return (state.batches[id - 1].batch, false)
            }
            let list = JobList(
                count: count, request: request, fields: fields, hasOneHost: hasOneHost)
            return (try state.add(.list(list), label, blocks, at: store.unixMicros()), true)
        }
    }

    func abandon() { blocks.withLock { $0 = [] } }
}

/// A list that is being added to a `MemoryStore` as it comes.
struct MemoryStream: ListStream {
    let store: MemoryStore
    /// The index in `streams`.
    let index: Int
    let list: JobList
    let label: BatchLabel
    let before: UnfinishedList?

    @discardableResult
    func add(_ blocks: [ListBlock], taken: TakenPart) throws(QueueError) -> Batch? {
        try store.state.withLock { state throws(QueueError) in
            if !blocks.isEmpty { try grow(by: blocks, &state) }
            state.streams[index].taken = taken
            return state.streams[index].batchID.map { state.batches[$0 - 1].batch }
        }
    }

    private func grow(by blocks: [ListBlock], _ state: inout MemoryStore.State) throws(QueueError) {
        let count = blocks.last?.positions.upperBound ?? 0
        let grown = JobList(count: count, request: list.request, fields: list.fields)
        if let id = state.streams[index].batchID {
            state.batches[id - 1].batch = Batch(id: id, source: .list(grown))
            state.batches[id - 1].blocks += blocks
            return
        }
        if let key = label.key, state.keys[key] != nil {
            throw QueueError(.keyTaken, "the key '\(key)' is taken")
        }
        let batch = try state.add(.list(grown), label, blocks, at: store.unixMicros())
        state.streams[index].batchID = batch.id
    }

    func finish(
        _ blocks: [ListBlock], taken: TakenPart, key: String?
    ) throws(QueueError) -> Batch? {
        try add(blocks, taken: taken)
        return store.state.withLock { state in
            guard let id = state.streams[index].batchID else {
                state.streams[index].connection = nil
                return nil
            }
            if let key, state.keys[key] == nil, state.batches[id - 1].label.key == nil {
                state.keys[key] = id
            }
            // Its place stays, since others are known by theirs.
            state.streams[index] = .init(origin: nil)
            return state.batches[id - 1].batch
        }
    }

    func leave() { store.state.withLock { $0.streams[index].connection = nil } }
}

/// A list that is being added to a `MemoryStore` without duplicates.
final class MemoryUniqueImport: UniqueListImport {
    let hashKey: RequestHash.Key
    private let store: MemoryStore
    private let list: MemoryImport
    private let hashes = Mutex<Set<RequestHash>>([])

    init(store: MemoryStore, list: MemoryImport, hashKey: RequestHash.Key) {
        self.store = store
        self.list = list
        self.hashKey = hashKey
    }

    func listOutside(after last: Batch.ID) -> Batch? {
        store.state.withLock { state in
            state.batches.first { facts in
                facts.batch.id > last && !facts.blocks.isEmpty
                    && !state.hashedLists.contains(facts.batch.id)
            }?.batch
        }
    }

    func takeIn(_ batch: Batch) {
        let added = hashes.withLock { hashes in
            defer { hashes = [] }
            return hashes
        }
        store.state.withLock { state in
            state.hashes.formUnion(added)
            let grows = state.streams.contains { $0.batchID == batch.id }
            if !grows, state.batches[batch.id - 1].batch.count == batch.count {
                state.hashedLists.insert(batch.id)
            }
        }
    }

    func known(_ hashes: [RequestHash]) -> [Bool] {
        let own = self.hashes.withLock(\.self)
        return store.state.withLock { state in
            hashes.map { own.contains($0) || state.hashes.contains($0) }
        }
    }

    func add(_ hashes: [RequestHash]) { self.hashes.withLock { $0.formUnion(hashes) } }

    func add(_ blocks: [ListBlock]) { list.add(blocks) }

    func finish(
        as label: BatchLabel, hasOneHost: Bool
    ) throws(QueueError) -> (batch: Batch, isNew: Bool)? {
        let made = try list.finish(as: label, hasOneHost: hasOneHost)
        if let made, made.isNew { takeIn(made.batch) }
        abandon()
        return made
    }

    func abandon() {
        list.abandon()
        hashes.withLock { $0 = [] }
        store.state.withLock { $0.uniqueConnection = nil }
    }
}

/// A runner's hold on a `MemoryStore`.
struct MemoryLease: RunnerLease {
    let store: MemoryStore
    let runner: Int
    /// The only batch that the runner is handed jobs of; `nil` for all.
    let batch: Batch.ID?
    let attachment: Attachment

    /// How long a runner waits that found nothing while others hold jobs.
    private static let othersWait = Duration.milliseconds(50)

    private func change<Result>(
        _ body: (inout MemoryStore.State) throws(QueueError) -> Result
    ) throws(QueueError) -> Result {
        try store.state.withLock { state throws(QueueError) in
            guard state.runners.contains(where: { $0.id == runner }) else {
                throw QueueError(.fenced, "the runner is not attached")
            }
            return try body(&state)
        }
    }

    func claim(_ request: ClaimRequest) throws(QueueError) -> Claim {
        let now = store.unixMicros()
        let until = request.includesParked ? Int.max : now
        return try change { state in
            _ = state.rescue()
            var segments: [Segment] = []
            var left = request.jobs
            for (index, facts) in state.batchesByPriority
            where !request.skippedBatches.contains(facts.batch.id)
                && facts.batch.id == batch ?? facts.batch.id
            {
                for (positions, block) in facts.pieces {
                    guard left > 0 else { break }
                    let todo = positions.filter {
                        state.standing(of: facts.jobs[$0]) == .available
                            && facts.jobs[$0]?.parkedMicros ?? 0 <= until
                    }
                    guard !todo.isEmpty else { continue }
                    let isSkipped = block.map {
                        todo.count == positions.count
                            && request.skippedLanes.contains(
                                ListLane(batchID: facts.batch.id, number: $0.lane))
                    }
                    if isSkipped ?? false { continue }
                    for position in todo {
                        state.batches[index].jobs[position, default: .init()].runner = runner
                    }
                    segments.append(
                        Segment(batch: facts.batch, todo: Self.ranges(of: todo), block: block))
                    left -= todo.count
                }
            }
            let othersHold = state.batches.contains { facts in
                facts.jobs.values.contains { $0.runner != nil && $0.runner != runner }
            }
            let parked = state.batches.flatMap(\.jobs.values).filter {
                state.standing(of: $0) == .available && $0.parkedMicros > now
            }.map(\.parkedMicros).min()
            let wait = othersHold ? Self.othersWait : parked.map { .microseconds($0 - now) }
            return Claim(
                segments: segments,
                next: !segments.isEmpty ? .now : wait.map { .after($0) } ?? .finished)
        }
    }

    static func micros(_ duration: Duration) -> Int {
        let (seconds, attoseconds) = duration.components
        return Int(seconds) * 1_000_000 + Int(attoseconds / 1_000_000_000_000)
    }

    private static func ranges(of positions: [Int]) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        for position in positions {
            if let last = ranges.last, last.upperBound == position {
                ranges[ranges.count - 1] = last.lowerBound..<position + 1
            } else {
                ranges.append(position..<position + 1)
            }
        }
        return ranges
    }

    func claimRetries(limit: Int) throws(QueueError) -> RetryClaim {
        let now = store.unixMicros()
        let ahead = now + Self.micros(Retry.aheadMax)
        return try change { state in
            var waiting: [(dueMicros: Int, batch: Int, position: Int)] = []
            for (index, facts) in state.batches.enumerated()
            where facts.batch.id == batch ?? facts.batch.id {
                for (position, job) in facts.jobs where state.standing(of: job) == .retrying {
                    waiting.append((job.dueMicros, index, position))
                }
            }
            waiting.sort {
                ($0.dueMicros, $0.batch, $0.position) < ($1.dueMicros, $1.batch, $1.position)
            }
            let due = waiting.filter { $0.dueMicros <= now || $0.dueMicros > ahead }.prefix(limit)
            let jobs = due.map { entry in
                state.batches[entry.batch].jobs[entry.position]?.runner = runner
                let facts = state.batches[entry.batch]
                return DueRetry(
                    batch: facts.batch, position: entry.position,
                    attempts: facts.jobs[entry.position]?.attempts ?? 1,
                    excused: facts.jobs[entry.position]?.excused ?? 0,
                    age: .microseconds(
                        max(0, now - (facts.jobs[entry.position]?.sinceMicros ?? now))),
                    block: facts.line(of: entry.position))
            }
            let next = waiting.first {
                state.standing(of: state.batches[$0.batch].jobs[$0.position]) == .retrying
            }
            return RetryClaim(
                jobs: jobs,
                nextDue: next.map {
                    $0.dueMicros > ahead ? .zero : .microseconds(max(0, $0.dueMicros - now))
                })
        }
    }

    func park(_ starts: [LedgerPlace], for wait: Duration) throws(QueueError) {
        let due = store.unixMicros() + Self.micros(wait)
        try change { state in
            for start in starts {
                let facts = state.batches[start.batchID - 1]
                let piece = facts.pieces.first { $0.positions.lowerBound == start.position }
                for position in piece?.positions ?? 0..<0
                where facts.jobs[position]?.runner == runner && facts.jobs[position]?.outcome == nil
                {
                    state.batches[start.batchID - 1].jobs[position]?.runner = nil
                    state.batches[start.batchID - 1].jobs[position]?.parkedMicros = due
                    if facts.cancelledAtMicros != nil {
                        state.cancel(position, of: start.batchID - 1)
                    }
                }
            }
        }
    }

    func handedOver(_ file: Int) throws(QueueError) {
        try change { state in
            for site in state.sites.indices where state.sites[site].site == attachment.site {
                for index in state.sites[site].files.indices
                where state.sites[site].files[index].id == file {
                    state.sites[site].files[index].isHandedOver =
                        state.sites[site].files[index].isSealed
                }
            }
        }
    }

    func keepOutput(_ settings: OutputSettings, _ files: [OutputFile]) throws(QueueError) {
        try change { state in
            state.keep(files, at: attachment.site)
            guard let index = state.sites.firstIndex(where: { $0.site == attachment.site }) else {
                return
            }
            // What was completed since another site had an output has its records there.
            if state.sites.allSatisfy({ $0.settings == nil }) {
                state.sites[index].completedBefore = state.counts(of: nil).completed
            }
            state.sites[index].settings = settings
        }
    }

    func commit(
        _ marks: [Mark], _ files: [OutputFile], heartbeat: Heartbeat
    ) throws(QueueError) {
        let now = store.unixMicros()
        try change { state throws(QueueError) in
            for mark in marks {
                guard state.batches.indices.contains(mark.batchID - 1),
                    state.batches[mark.batchID - 1].jobs[mark.position]?.runner == runner
                else {
                    throw QueueError(
                        .fenced, "job \(mark.position) of batch \(mark.batchID) is not ours")
                }
            }
            for mark in marks {
                let wait = min(mark.wait, Retry.waitMax)
                // Nothing of a cancelled batch is tried again.
                let isCancelled =
                    mark.outcome.state == .retrying
                    && state.batches[mark.batchID - 1].cancelledAtMicros != nil
                let before = state.batches[mark.batchID - 1].jobs[mark.position]
                state.batches[mark.batchID - 1].jobs[mark.position] = .init(
                    outcome: isCancelled ? .cancelled : state.kept(mark.outcome),
                    attempts: mark.attempt,
                    excused: (before?.excused ?? 0) + (mark.isExcused ? 1 : 0),
                    sinceMicros: mark.attempt == 1 ? now : before?.sinceMicros ?? now,
                    dueMicros: now + Self.micros(wait))
            }
            state.keep(files, at: attachment.site)
            state.keep(heartbeat.hosts, at: now)
            state.beat(runner, heartbeat, at: now)
        }
    }

    func renew(_ heartbeat: Heartbeat) throws(QueueError) {
        try commit([], [], heartbeat: heartbeat)
    }

    func steering() throws(QueueError) -> Steering {
        try change { state in
            let isPaused = state.settings[Steering.pausedChoice] != nil
            return state.runners.first { $0.id == runner }.map {
                Steering(isPaused: isPaused, limits: $0.limits, wish: $0.wish)
            } ?? Steering(isPaused: isPaused)
        }
    }

    func took(wish number: Int) throws(QueueError) {
        try change { state in
            for index in state.runners.indices where state.runners[index].id == runner {
                state.runners[index].wishTaken = number
            }
        }
    }

    func abandon() {
        store.state.withLock { state in state.runners.removeAll { $0.id == runner } }
    }

    func detach() throws(QueueError) {
        try change { state in
            state.runners.removeAll { $0.id == runner }
            _ = state.rescue()
        }
    }
}

extension MemoryStore.State {
    mutating func keep(_ paces: [HostPace], at now: Int) {
        for pace in paces {
            self.paces[pace.host] =
                pace.isFree
                ? nil
                : .init(
                    untilMicros: now + MemoryLease.micros(min(pace.wait, pace.waitMax)),
                    requestsPerSecond: pace.requestsPerSecond, seenMicros: now)
        }
    }

    mutating func paces(at now: Int) -> [HostPace] {
        paces = paces.filter { $0.value.seenMicros >= now - MemoryLease.micros(HostPace.ageMax) }
        return paces.sorted { $0.value.seenMicros > $1.value.seenMicros }.prefix(HostPace.countMax)
            .map {
                HostPace(
                    host: $0.key, wait: .microseconds(max(0, $0.value.untilMicros - now)),
                    requestsPerSecond: $0.value.requestsPerSecond)
            }
    }

    mutating func add(
        _ source: BatchSource, _ label: BatchLabel, _ blocks: [ListBlock] = [], at now: Int
    ) throws(QueueError) -> Batch {
        if let name = label.name, batches.contains(where: { $0.label.name == name }) {
            throw QueueError(.nameTaken, "the name '\(name)' is taken")
        }
        let batch = Batch(id: batches.count + 1, source: source)
        batches.append(
            .init(batch: batch, label: label, enqueuedAtMicros: now, blocks: blocks))
        if let key = label.key { keys[key] = batch.id }
        return batch
    }

    /// The batches with their indices, the highest priority first.
    var batchesByPriority: [(offset: Int, element: MemoryStore.BatchFacts)] {
        batches.enumerated().sorted {
            (-$0.element.label.priority, $0.offset) < (-$1.element.label.priority, $1.offset)
        }
    }

    func standing(of job: MemoryStore.JobFacts?) -> JobState {
        if let runner = job?.runner, runners.contains(where: { $0.id == runner }) {
            return .running
        }
        return switch job?.outcome?.state {
        case nil: .available
        case .retrying: .retrying
        case .completed: .completed
        case .failed: .failed
        case .cancelled: .cancelled
        }
    }

    /// Cancels a job that no live runner holds and that has no final outcome.
    ///
    /// - Parameter index: The index of the job's batch.
    mutating func cancel(_ position: Int, of index: Int) {
        switch standing(of: batches[index].jobs[position]) {
        case .available, .retrying:
            batches[index].jobs[position] = .init(outcome: .cancelled)
        case .running, .completed, .failed, .cancelled: break
        }
    }

    /// Makes some jobs available again that have failed, unless their batch was cancelled.
    ///
    /// - Returns: The number of jobs.
    mutating func putBack(_ positions: Range<Int>, of index: Int, _ jobs: FailedJobs) -> Int {
        guard batches[index].cancelledAtMicros == nil else { return 0 }
        let failed = positions.filter { position in
            batches[index].jobs[position]?.outcome.map { jobs.wants($0) } ?? false
        }
        for position in failed { batches[index].jobs[position] = nil }
        if sites.contains(where: { $0.settings != nil }) {
            batches[index].supersededMax += failed.count
        }
        return failed.count
    }

    /// One batch, or all of them.
    func batches(_ id: Batch.ID?) -> [MemoryStore.BatchFacts] {
        batches.filter { $0.batch.id == id ?? $0.batch.id }
    }

    /// - Parameter now: The time in µs that runners are seen at; `nil` to leave them out.
    func counts(of batch: Batch.ID?, at now: Int? = nil) -> QueueCounts {
        let batches = batches(batch)
        var groups: [Outcome: Int] = [:]
        var (running, retriesRunning) = (0, 0)
        for job in batches.flatMap(\.jobs.values) {
            if standing(of: job) == .running {
                running += 1
                if job.outcome != nil { retriesRunning += 1 }
            }
            if let outcome = job.outcome { groups[outcome, default: 0] += 1 }
        }
        let empty = QueueCounts(
            total: batches.reduce(0) { $0 + $1.batch.count }, running: running,
            retriesRunning: retriesRunning, outcomes: [],
            runs: (now == nil ? [] : runners.reversed()).map { runner in
                .init(
                    id: runner.id, pid: runner.description.pid, host: runner.description.host,
                    workers: runner.description.workers,
                    startedAtMicros: runner.startedAtMicros,
                    heartbeatAge: .microseconds(max(0, (now ?? 0) - runner.heartbeatMicros)),
                    requestsPerSecond: runner.heartbeat.requestsPerSecond,
                    trouble: runner.heartbeat.trouble, measures: runner.measures,
                    steering: Steering(limits: runner.limits, wish: runner.wish),
                    wishTaken: runner.wishTaken)
            })
        // Like any store, this one tells only so many outcomes apart.
        let kept = groups.sorted { $0.value > $1.value }.prefix(250)
        let others = groups.filter { entry in !kept.contains { $0.key == entry.key } }
        var counts = empty.adding(Dictionary(uniqueKeysWithValues: kept.map { ($0.key, $0.value) }))
        for state in Outcome.State.allCases {
            let count = others.filter { $0.key.state == state }.reduce(0) { $0 + $1.value }
            if count > 0 { counts = counts.adding([Outcome(state, .other): count]) }
        }
        return counts
    }

    func output(of site: Site) -> QueueOutput {
        let facts = sites.first { $0.site == site }
        return QueueOutput(
            settings: facts?.settings, files: facts?.files ?? [],
            completedBefore: facts?.completedBefore ?? 0)
    }

    /// The site whose folder the runner comes with; a new one where it comes with none and the
    /// others have runners or an output.
    mutating func site(for runner: RunnerDescription) throws(QueueError) -> Site {
        let forgetting = self.forgetting
        let known = sites.first { facts in
            let isTheirs = facts.settings.map {
                [$0.identity, $0.identityBefore].contains(runner.siteIdentity)
            }
            return isTheirs ?? !runners.contains { $0.site == facts.site }
        }
        // Alone, a runner goes on where the queue's only output is: its folder may have moved.
        if let known {
            if let forgetting, forgetting.begun.contains(known.site) {
                throw forgetting.unfinished(in: "memory")
            }
            return known.site
        }
        if sites.count == 1, runners.isEmpty,
            forgetting.map({ !$0.begun.contains(sites[0].site) }) ?? true
        {
            return sites[0].site
        }
        let site = Site(id: sites.count)
        sites.append(.init(site: site))
        return site
    }

    /// The call that forgets sites.
    var forgetting: SiteForgetting? {
        settings[SiteForgetting.name].flatMap { SiteForgetting($0) }
    }

    func forgettable(_ site: Site) throws(QueueError) -> OutputSettings {
        guard let settings = sites.first(where: { $0.site == site })?.settings else {
            throw SiteForgetting.missing(site, in: "memory")
        }
        if let runner = runners.first(where: { $0.site == site }) {
            throw SiteForgetting.written(settings.folder, by: "runner \(runner.id)")
        }
        return settings
    }

    mutating func goOn(_ forgetting: SiteForgetting) throws(QueueError) {
        guard var known = self.forgetting, known.token == forgetting.token else {
            throw forgetting.ended(in: "memory")
        }
        for (site, identity) in known.identities {
            guard try forgettable(site).identity == identity else {
                throw SiteForgetting.changed("\(site.id)", in: "memory")
            }
        }
        known.begin()
        settings[SiteForgetting.name] = known.text
    }

    mutating func keep(_ files: [OutputFile], at site: Site) {
        guard let index = sites.firstIndex(where: { $0.site == site }) else { return }
        for file in files {
            sites[index].files.removeAll { $0.id == file.id }
            sites[index].files.append(file)
        }
        sites[index].files.sort { $0.id < $1.id }
    }

    mutating func beat(_ runner: Int, _ heartbeat: Heartbeat, at now: Int) {
        guard let index = runners.firstIndex(where: { $0.id == runner }) else { return }
        runners[index].heartbeat = heartbeat
        runners[index].measures = heartbeat.measures ?? runners[index].measures
        runners[index].heartbeatMicros = now
    }

    /// The list that is being added as it comes; `nil` when it has no job, or is complete.
    func unfinished(_ index: Int) -> UnfinishedList? {
        let facts = streams[index]
        guard let id = facts.batchID else { return nil }
        return UnfinishedList(
            batch: batches[id - 1].batch, name: batches[id - 1].label.name,
            priority: batches[id - 1].label.priority, origin: facts.origin, taken: facts.taken,
            isBeingAdded: facts.connection != nil)
    }

    /// Removes the runners of a connection that is gone. What they held is rescued when somebody
    /// asks for jobs.
    mutating func bury(connection: Int) {
        runners.removeAll { $0.connection == connection }
        for index in streams.indices where streams[index].connection == connection {
            streams[index].connection = nil
        }
        if uniqueConnection == connection { uniqueConnection = nil }
    }

    /// Takes back what dead runners hold.
    ///
    /// - Returns: The number of jobs, and how many of them may have been sent.
    mutating func rescue() -> (rescued: Int, mayRepeat: Int) {
        let live = Set(runners.map(\.id))
        var rescued = 0
        for index in batches.indices {
            for (position, job) in batches[index].jobs {
                if let runner = job.runner, !live.contains(runner) {
                    batches[index].jobs[position]?.runner = nil
                    if batches[index].cancelledAtMicros != nil {
                        cancel(position, of: index)
                    } else {
                        rescued += 1
                    }
                }
            }
        }
        return (rescued, rescued)
    }
}
