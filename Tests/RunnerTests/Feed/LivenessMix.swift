import JobStore
import TestSupport

@testable import Runner

/// Hosts and batches drawn at random: some hosts are in reach and some are not, for a while or for
/// good.
struct LivenessMix {
    struct Host {
        /// When it refuses connections, in µs; half-open, rising.
        var outages: [Range<Int>] = []
        /// How one is told of an outage, and how long that takes at most.
        var refusal = Outcome.Reason.connect
        var refusalMicrosMax = 1000
        /// Until then it takes connections and answers nothing.
        var silentUntilMicros = 0
        /// Of a hundred answers, so many ask to come again.
        var busyPercent = 0

        func isUp(atMicros time: Int) -> Bool { !outages.contains { $0.contains(time) } }
        var isHealthy: Bool { outages.isEmpty && busyPercent == 0 }
        var isLost: Bool { outages.last?.upperBound == .max }
        var isNeverUp: Bool { outages == [0..<Int.max] }
    }

    /// What is special of some of a batch's jobs.
    enum Oddity {
        case none
        /// They lead to a host that refuses.
        case redirect
        /// Nothing this machine does gets through, though others of its host are answered.
        case local
    }

    struct OneBatch {
        let batch: Batch
        let running: RequestChunk
        /// `nil`: each job has a host of its own.
        let host: Int?
        let oddity: Oddity
        /// Every so many of its jobs are odd.
        let oddStep: Int
    }

    private(set) var hosts: [Host] = []
    private(set) var batches: [OneBatch] = []
    private(set) var jobCount = 0
    let workers: Int
    let loops: Int
    let retries: Int
    /// The longest an answer takes.
    let answerMicrosMax: Int
    let segmentMax: Int
    let limits: JobFeed.Limits

    init(using random: inout SeededGenerator) {
        workers = Int.random(in: 1...64, using: &random)
        loops = min(workers, Int.random(in: 1...3, using: &random))
        retries = Int.random(in: 0...3, using: &random)
        answerMicrosMax = [2000, 50_000, 400_000].randomElement(using: &random)!
        segmentMax = [1, 7, 40].randomElement(using: &random)!
        limits = JobFeed.Limits(
            ready: [20, 200].randomElement(using: &random)!, probes: max(1, workers / 8),
            unmarked: 150)
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            hosts.append(Self.host(using: &random))
        }
        for id in 1...Int.random(in: 1...10, using: &random) { addBatch(id, using: &random) }
    }

    private static func host(using random: inout SeededGenerator) -> Host {
        var host = Host()
        host.refusal = [.connect, .dns, .tls].randomElement(using: &random)!
        host.refusalMicrosMax = [500, 100_000, 3_000_000].randomElement(using: &random)!
        let downMicros = Int.random(in: 0...2_000_000, using: &random)
        switch Int.random(in: 0..<10, using: &random) {
        case 0...2:
            break
        case 3:
            host.busyPercent = 30
        case 4:
            host.outages = [0..<Int.max]
        case 5:
            host.outages = [downMicros..<Int.max]
        case 6, 7:  // comes back, perhaps slowly
            let backMicros = downMicros + Int.random(in: 0...20_000_000, using: &random)
            host.outages = [downMicros * Int.random(in: 0...1, using: &random)..<backMicros + 1]
            if Bool.random(using: &random) {
                host.silentUntilMicros = backMicros + Int.random(in: 0...20_000_000, using: &random)
            }
        default:  // flaps
            var time = downMicros
            for _ in 0..<Int.random(in: 2...10, using: &random) {
                let back = time + Int.random(in: 1...2_000_000, using: &random)
                host.outages.append(time..<back)
                time = back + Int.random(in: 1...2_000_000, using: &random)
            }
        }
        return host
    }

    private mutating func addBatch(_ id: Batch.ID, using random: inout SeededGenerator) {
        let isOfMany = Int.random(in: 0..<8, using: &random) == 0
        let host = Int.random(in: hosts.indices, using: &random)
        let count = [1, 19, 20, 21, 60, 150].randomElement(using: &random)!
        let url = isOfMany ? "http://{id}.many/" : "http://h\(host)/{id}"
        let batch = Batch.sample(id: id, first: jobCount, count: count, url: url)
        let oddity: Oddity =
            switch Int.random(in: 0..<10, using: &random) {
            case 0, 1: .redirect
            case 2, 3: .local
            default: .none
            }
        batches.append(
            OneBatch(
                batch: batch, running: RequestChunk(batch, .sample), host: isOfMany ? nil : host,
                oddity: oddity,
                oddStep: oddity == .local ? [20, 50].randomElement(using: &random)! : 5))
        jobCount += count
    }

    func isOdd(_ position: Int, of batch: OneBatch) -> Bool {
        batch.oddity != .none && position % batch.oddStep == batch.oddStep / 2
    }

    /// What comes of an attempt that begins now, and after how long.
    func response(
        to job: Job, atMicros start: Int, using random: inout SeededGenerator
    ) -> (Response, micros: Int) {
        let batch = batches[job.batchID - 1]
        let isOdd = isOdd(job.position, of: batch)
        if isOdd, batch.oddity == .local { return (Response(failure: .local(.system(12))), 500) }
        var micros = Int.random(in: 1...answerMicrosMax, using: &random)
        guard let number = batch.host else {
            return job.position % 3 > 0
                ? (Response(status: 200), micros)
                : (Response(failure: .reason(.connect), message: "refused"), micros)
        }
        let host = hosts[number]
        guard host.isUp(atMicros: start) else {
            micros = Int.random(in: 1...host.refusalMicrosMax, using: &random)
            return (Response(failure: .reason(host.refusal), message: "refused"), micros)
        }
        if start < host.silentUntilMicros {
            return (Response(failure: .reason(.timeout), message: "silent"), 2_000_000)
        }
        guard host.isUp(atMicros: start + micros) else {
            return (Response(failure: .reason(.reset), message: "reset"), micros)
        }
        if isOdd {
            return (Response(status: 302, redirects: 1, failure: .reason(.connect)), micros)
        }
        let isBusy = Int.random(in: 0..<100, using: &random) < host.busyPercent
        return (Response(status: isBusy ? 503 : 200), micros)
    }
}
