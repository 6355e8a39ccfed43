internal import JobStore

/// The answer to why a run was as slow as it was: how many requests it made, how long they took, and
/// what its workers spent their time on.
public struct RunMeasures: Codable, Sendable {
    /// The requests of a run.
    public struct Requests: Codable, Sendable, Equatable {
        /// Requests that were sent, redirects and second sendings included.
        public internal(set) var made = 0
        /// Attempts at jobs that had been tried before.
        public internal(set) var retried = 0
        /// Responses of 429 and 503.
        public internal(set) var refused = 0
        /// Redirects that were followed.
        public internal(set) var redirects = 0
        /// Bytes of heads and of bodies as they came, compressed where they were.
        public internal(set) var receivedBytes = 0
        /// Entity tags of completed jobs that were to be kept, and are too long or none; `nil` where
        /// there was none, as in figures from before any were kept.
        public internal(set) var entityTagsLeftOut: Int?
    }

    /// The durations of something, of which there was at least one. Percentiles are within 3.2 % of
    /// the true ones, those of hosts within 6.3 %; `max` is exact. None is longer than 71 minutes.
    public struct Times: Codable, Sendable {
        public let count: Int
        private let p50Micros: Int
        private let p90Micros: Int
        private let p99Micros: Int
        private let maxMicros: Int

        public var p50: Duration { .microseconds(p50Micros) }
        public var p90: Duration { .microseconds(p90Micros) }
        public var p99: Duration { .microseconds(p99Micros) }
        public var max: Duration { .microseconds(maxMicros) }

        init?(_ histogram: Histogram) {
            count = histogram.count
            guard count > 0 else { return nil }
            p50Micros = histogram.percentile(0.5)
            p90Micros = histogram.percentile(0.9)
            p99Micros = histogram.percentile(0.99)
            maxMicros = histogram.maxMicros
        }
    }

    /// The time that all workers together spent.
    public struct WorkerTime: Codable, Sendable {
        fileprivate(set) var serverMicros = 0
        fileprivate(set) var connectingMicros = 0
        fileprivate(set) var resolvingMicros = 0
        fileprivate(set) var heldMicros = 0
        fileprivate(set) var queueMicros = 0
        fileprivate(set) var diskMicros = 0
        fileprivate(set) var idleMicros = 0

        /// Waiting for responses, and reading them.
        public var server: Duration { .microseconds(serverMicros) }
        /// Connecting, TLS included, and waiting for others that connect to the same host.
        public var connecting: Duration { .microseconds(connectingMicros) }
        /// Looking names up.
        public var resolving: Duration { .microseconds(resolvingMicros) }
        /// Without a job, as jobs waited for their host or their next attempt.
        public var held: Duration { .microseconds(heldMicros) }
        /// Without a job, as the queue was asked for some.
        public var queue: Duration { .microseconds(queueMicros) }
        /// Without a job, as what had ended waited to be written, or as memory was short.
        public var disk: Duration { .microseconds(diskMicros) }
        /// Without a job, as there was none left.
        public var idle: Duration { .microseconds(idleMicros) }
    }

    /// A host and its times.
    public struct Host: Codable, Sendable {
        /// Scheme, name and port as in a URL.
        public let name: String
        /// Of attempts without redirects.
        public let firstByte: Times?
        public let whole: Times
    }

    public let requests: Requests
    /// From when a request is sent to the first byte of its response.
    public let firstByte: Times?
    /// New connections, without TLS.
    public let connect: Times?
    /// TLS handshakes.
    public let tls: Times?
    /// Attempts, redirects, lookups and connecting included.
    public let whole: Times?
    public let workerTime: WorkerTime
    /// The hosts of which one attempt in ten takes longest, the slowest first; at most
    /// `slowestMax`. Of more than some thousand hosts, those count that were slowest once.
    public let slowestHosts: [Host]

    public static let slowestMax = 10
}

extension RunMeasures {
    /// Sums up loops that have stopped.
    init(_ loops: [LoopMeasures], _ idle: [IdleTime]) {
        self.init(loops.map { LoopFigures($0) }, idle, Self.slowest(of: loops))
    }

    init(_ loops: [LoopFigures], _ idle: [IdleTime], _ slowestHosts: [Host]) {
        var requests = Requests()
        for sums in loops.map(\.sums.requests) {
            requests.made += sums.made
            requests.retried += sums.retried
            requests.refused += sums.refused
            requests.redirects += sums.redirects
            requests.receivedBytes += sums.receivedBytes
            if let leftOut = sums.entityTagsLeftOut {
                requests.entityTagsLeftOut = leftOut + (requests.entityTagsLeftOut ?? 0)
            }
        }
        self.requests = requests
        func times(_ part: (LoopFigures) -> Histogram) -> Times? {
            var sum = Histogram(.fine)
            for loop in loops { sum.add(part(loop)) }
            return Times(sum)
        }
        firstByte = times(\.firstByte)
        connect = times(\.connect)
        tls = times(\.tls)
        whole = times(\.whole)
        var time = WorkerTime()
        for sums in loops.map(\.sums) {
            time.serverMicros += sums.wholeMicros - sums.connectingMicros - sums.resolvingMicros
            time.connectingMicros += sums.connectingMicros
            time.resolvingMicros += sums.resolvingMicros
        }
        time.serverMicros = max(0, time.serverMicros)
        for idle in idle {
            time.heldMicros += idle.heldMicros
            time.queueMicros += idle.queueMicros
            time.diskMicros += idle.diskMicros
            time.idleMicros += idle.noJobMicros
        }
        workerTime = time
        self.slowestHosts = slowestHosts
    }

    private static func slowest(of loops: [LoopMeasures]) -> [Host] {
        var hosts: [HostKey: (whole: Histogram, firstByte: Histogram)] = [:]
        for host in loops.flatMap(\.hosts.all) {
            var sum = hosts[host.key] ?? (Histogram(.coarse), Histogram(.coarse))
            sum.whole.add(host.whole)
            sum.firstByte.add(host.firstByte)
            hosts[host.key] = sum
        }
        let ranked = hosts.map {
            (name: $0.key.text, times: $0.value, p90: $0.value.whole.percentile(0.9))
        }
        let slowest = ranked.sorted {
            ($1.p90, $1.times.whole.maxMicros, $0.name) < (
                $0.p90, $0.times.whole.maxMicros, $1.name
            )
        }
        return slowest.prefix(slowestMax).compactMap { host in
            Times(host.times.whole).map {
                Host(name: host.name, firstByte: Times(host.times.firstByte), whole: $0)
            }
        }
    }
}
