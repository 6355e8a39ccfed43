public import JobStore
import TestSupport
public import Testing

/// One thing that every store must do, whatever it is made of.
///
/// The suite of a store is one test with `StoreCase.all` as its arguments. A case stands in the list
/// that it is written in, and cannot be left out of it.
public struct StoreCase: Sendable, CustomTestStringConvertible {
    public let name: String
    private let body: @Sendable (StoreUnderTest) async throws -> Void

    init(_ name: String, body: @escaping @Sendable (StoreUnderTest) async throws -> Void) {
        self.name = name
        self.body = body
    }

    public var testDescription: String { name }

    /// All cases, topic by topic.
    public static let all = Topic.allCases.flatMap(\.cases)

    enum Topic: CaseIterable {
        case claims, commits, retries, runners, output, pages, order, lists, unique, streams
        case batches, cancelling, puttingBack, forgetting

        var cases: [StoreCase] {
            switch self {
            case .claims: StoreCase.claims
            case .commits: StoreCase.commits
            case .retries: StoreCase.retries
            case .runners: StoreCase.runners
            case .output: StoreCase.output
            case .pages: StoreCase.pages
            case .order: StoreCase.order
            case .lists: StoreCase.lists
            case .streams: StoreCase.streams
            case .unique: StoreCase.unique
            case .batches: StoreCase.batches
            case .cancelling: StoreCase.cancelling
            case .puttingBack: StoreCase.puttingBack
            case .forgetting: StoreCase.forgetting
            }
        }
    }

    /// Tries the case on a store.
    ///
    /// - Parameter makeStore: Makes a new, empty queue that goes by the clock, and returns a
    ///   function that opens it. Each call of that function is a connection of its own, as if of
    ///   another process.
    public func run(
        on makeStore:
            @escaping @Sendable (TestClock) throws -> @Sendable () async throws -> any JobQueue
    ) async throws {
        try await body(StoreUnderTest(makeStore))
    }
}

/// The calls that a case makes of its store.
struct StoreUnderTest: Sendable {
    private let makeStore: @Sendable (TestClock) throws -> @Sendable () async throws -> any JobQueue
    private let openQueue: @Sendable () async throws -> any JobQueue
    let clock = TestClock()

    init(
        _ makeStore:
            @escaping @Sendable (TestClock) throws -> @Sendable () async throws -> any JobQueue
    ) throws {
        self.makeStore = makeStore
        openQueue = try makeStore(clock)
    }

    /// Another store, empty.
    func fresh() throws -> StoreUnderTest { try StoreUnderTest(makeStore) }

    func open() async throws -> StoreClient { StoreClient(to: try await openQueue(), clock) }

    func enqueued(_ count: Int, first: Int = 0) async throws -> StoreClient {
        let queue = try await open()
        _ = try await queue.enqueue(JobRange(first: first, count: count), request: request)
        return queue
    }

    func attached(_ count: Int, first: Int = 0) async throws -> StoreClient {
        let queue = try await enqueued(count, first: first)
        _ = try await queue.attach(RunnerDescription(pid: 1, workers: 10))
        return queue
    }

    /// A queue of batches of one job each, with IDs from 100 on.
    func attached(batches: Int) async throws -> StoreClient {
        let queue = try await open()
        for number in 0..<batches {
            _ = try await queue.enqueue(JobRange(first: 100 + number, count: 1), request: request)
        }
        _ = try await queue.attach(RunnerDescription(pid: 1, workers: 10))
        return queue
    }

    /// Commits the first attempts of a new queue's jobs as failed, each with its own next time, in
    /// µs on the store's clock.
    func waiting(until times: Int...) async throws -> StoreClient {
        let queue = try await attached(times.count)
        _ = try await queue.claim(jobs: 1)
        for (position, micros) in times.enumerated() {
            let waitMicros = min(micros, hourMicros)
            clock.unixMicros = micros - waitMicros
            let mark = Mark(
                batchID: 1, position: position, attempt: 1,
                outcome: Outcome(.retrying, status: 503), wait: .microseconds(waitMicros))
            try await queue.commit([mark], heartbeat: beat)
        }
        return queue
    }

    func marks(
        _ segment: Segment, _ outcome: Outcome, attempt: Int = 1,
        where isWanted: (Int) -> Bool = { _ in true }
    ) -> [Mark] {
        segment.todo.flatMap { $0 }.filter(isWanted).map {
            Mark(batchID: segment.batch.id, position: $0, attempt: attempt, outcome: outcome)
        }
    }

    func expectSound(_ queue: StoreClient) async throws {
        let faults = try await queue.verify()
        #expect(faults == [])
    }

    func expectFenced(_ body: () async throws -> Void) async {
        let error = await #expect(throws: QueueError.self) { try await body() }
        #expect(error?.code == .fenced)
    }
}

// try! holds: a literal, and valid.
let request = try! RequestTemplate(parsing: "http://127.0.0.1/{id}")
let beat = Heartbeat(requestsPerSecond: 10)
let ok = Outcome(.completed, status: 200)
let hourMicros = 3_600_000_000
