internal import JobStore
internal import Links
internal import Synchronization

/// Makes requests of the queue of those that responses lead to, as far as they are to be followed.
///
/// For as long as it lives, this process alone may add to the queue's set of requests.
final class Follower: Sendable {
    private struct State {
        var figures = FollowFigures()
        /// The common parts of the requests of each batch.
        var batches: [Batch.ID: FoundKind] = [:]
        /// Requests that were added since the set was tidied. Earlier runs may have left some.
        var untidied = Follower.untidiedMax
        var scope: Scope
        /// Requests that loops have handed over and that are not committed.
        var waiting = 0

        mutating func cut(_ reason: FollowCut, _ count: Int = 1) {
            if count > 0 { figures.cut[reason, default: 0] += count }
        }
    }

    private let set: any UniqueListImport
    /// Whether the run gives each request header fields that are for some hosts alone.
    private let hasSecrets: Bool
    private let options: FollowOptions
    private let state: Locked<State>

    /// The lanes of found requests: few, since a commit makes a block a lane.
    private static let lanes = HostLanes.streamedMax
    /// The most batches whose requests are kept in mind.
    private static let batchesMax = 256
    /// The requests after which the set is worth tidying.
    private static let untidiedMax = 1 << 16

    /// - Parameter headers: The header fields that the run gives each request.
    init(
        _ set: any UniqueListImport, _ options: FollowOptions, _ scope: sending Scope,
        headers: [HeaderSource]
    ) {
        hasSecrets = headers.contains(where: FoundKind.isSecret)
        state = Locked(State(scope: scope))
        self.set = set
        self.options = options
    }

    var jobsMax: Int { options.jobsMax }
    var figures: FollowFigures { state.withLock(\.figures) }

    /// The requests at which no more responses are handled until some are committed. A commit takes some
    /// 10 µs for each, and what is not committed is fetched again after a kill.
    private static let waitingMax = 1 << 14

    /// Whether no more responses are to be handled for now.
    var isFull: Bool { state.withLock(\.waiting) >= Self.waitingMax }

    /// Takes in that loops have handed over responses.
    func awaits(_ pages: [FollowedPage]) {
        guard !pages.isEmpty else { return }
        let requests = pages.reduce(0) { $0 + $1.requests.count }
        state.withLock { $0.waiting += requests }
    }

    /// Takes in what became of the requests of responses.
    func add(_ tally: FoundTally, of pages: [FollowedPage]) {
        let requests = pages.reduce(0) { $0 + $1.requests.count }
        state.withLock { state in
            state.waiting -= requests
            state.figures.added += tally.added
            state.figures.known += tally.known
            state.cut(.full, tally.leftOut)
            state.cut(.hostFull, tally.leftOutOfHosts)
            state.untidied += tally.added
        }
    }

    /// Keeps the set quick to look at, until it is cancelled.
    func keepTidy() async throws(QueueError) {
        while !Task.isCancelled {
            try? await Task.sleep(for: .seconds(1))
            let untidied = state.withLock(\.untidied)
            guard untidied >= Self.untidiedMax else { continue }
            do throws(QueueError) {
                try await set.tidy()
                state.withLock { $0.untidied -= untidied }
            } catch {
                // A queue that is locked just now is tidied later.
                guard error.code == .busy || error.code == .unreachable else { throw error }
            }
        }
    }

    /// Gives the right to add to the set back.
    func close() async { await set.abandon() }

    // MARK: - Requests

    /// Makes requests of those that responses lead to, a value for each batch of the responses' jobs.
    func requests(of pages: [FollowedPage]) -> [FoundRequests] {
        guard !pages.isEmpty else { return [] }
        return state.withLock { state in
            var found: [Batch.ID: FoundRequests] = [:]
            var lanes = HostLanes(hashedTo: Self.lanes)
            for page in pages {
                let batch = page.job.chunk.batch
                state.figures.depth = max(
                    state.figures.depth, page.job.request.trail?.depth ?? 0)
                if state.batches[batch.id] == nil {
                    if state.batches.count >= Self.batchesMax { state.batches = [:] }
                    state.batches[batch.id] = FoundKind(
                        of: batch, set.hashKey, hasSecrets: hasSecrets)
                }
                guard var kind = state.batches[batch.id] else { continue }
                var requests =
                    found[batch.id]
                    ?? FoundRequests(
                        in: batch.id, kind.request, kind.fields,
                        jobsOfHostMax: options.jobsOfHostMax)
                state.cut(.nofollow, page.nofollow)
                state.cut(.many, page.unread)
                state.cut(.malformed, page.malformed)
                guard let place = FoundPlace(page, options) else {
                    state.cut(.malformed, page.requests.count)
                    continue
                }
                for request in page.requests {
                    switch place.look(at: request, kind, &state.scope) {
                    case .success(let url):
                        let values = place.line(of: request, url)
                        let lane = url.withUnsafeBytes { lanes.lane(ofURL: $0) }
                        requests.add(
                            kind.hash(url, values), lane: lane,
                            host: HostKey(of: String(decoding: url, as: UTF8.self)).text, values)
                    case .failure(let cut): state.cut(cut.reason)
                    }
                }
                found[batch.id] = requests
                state.batches[batch.id] = kind
            }
            return found.values.filter { $0.count > 0 }.sorted { $0.source < $1.source }
        }
    }
}

extension HostLanes {
    /// Returns the lane of a URL that can be asked for.
    fileprivate mutating func lane(ofURL url: UnsafeRawBufferPointer) -> Int {
        let end = URLCheck.authorityEnd(of: url) ?? url.count
        let authority = UnsafeRawBufferPointer(rebasing: url[..<end])
        return lane(of: authority) ?? add(authority)
    }
}
