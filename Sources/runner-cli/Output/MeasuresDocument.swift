import Runner

/// The requests of a run in JSON (docs/CLI.md).
struct RequestsDocument: Encodable {
    private let made, retried, refused, redirects, bytes: Int
    /// Left out where there are none.
    private let entityTagsLeftOut: Int?

    private enum CodingKeys: String, CodingKey {
        case made, retried, refused, redirects, bytes
        case entityTagsLeftOut = "etags_left_out"
    }

    init(_ requests: RunMeasures.Requests) {
        made = requests.made
        retried = requests.retried
        refused = requests.refused
        redirects = requests.redirects
        bytes = requests.receivedBytes
        entityTagsLeftOut = requests.entityTagsLeftOut
    }
}

/// The times of a run in JSON (docs/CLI.md). What never happened is null.
struct TimingsDocument: Encodable {
    private let measures: RunMeasures
    private let hasHosts: Bool

    /// - Parameter hasHosts: Whether the slowest hosts are known.
    init(_ measures: RunMeasures, hasHosts: Bool = true) {
        self.measures = measures
        self.hasHosts = hasHosts
    }

    private enum CodingKeys: String, CodingKey {
        case firstByte = "ttfb_ms"
        case connect = "connect_ms"
        case tls = "tls_ms"
        case whole = "whole_ms"
        case workers = "worker_s"
        case hosts = "slowest_hosts"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(measures.firstByte.map { Times($0) }, forKey: .firstByte)
        try container.encode(measures.connect.map { Times($0) }, forKey: .connect)
        try container.encode(measures.tls.map { Times($0) }, forKey: .tls)
        try container.encode(measures.whole.map { Times($0) }, forKey: .whole)
        try container.encode(WorkerSeconds(measures.workerTime), forKey: .workers)
        if hasHosts {
            try container.encode(measures.slowestHosts.map { Host($0) }, forKey: .hosts)
        }
    }

    /// In milliseconds.
    private struct Times: Encodable {
        let count: Int
        let p50, p90, p99, max: Double

        init(_ times: RunMeasures.Times) {
            count = times.count
            (p50, p90) = (times.p50.milliseconds, times.p90.milliseconds)
            (p99, max) = (times.p99.milliseconds, times.max.milliseconds)
        }
    }

    private struct WorkerSeconds: Encodable {
        let server, connecting, resolving, held, queue, disk, idle: Double

        init(_ time: RunMeasures.WorkerTime) {
            (server, connecting) = (time.server.seconds, time.connecting.seconds)
            (resolving, held) = (time.resolving.seconds, time.held.seconds)
            (queue, disk, idle) = (time.queue.seconds, time.disk.seconds, time.idle.seconds)
        }
    }

    private struct Host: Encodable {
        let host: String
        let firstByte: Times?
        let whole: Times

        private enum CodingKeys: String, CodingKey {
            case host
            case firstByte = "ttfb_ms"
            case whole = "whole_ms"
        }

        init(_ host: RunMeasures.Host) {
            self.host = host.name
            firstByte = host.firstByte.map { Times($0) }
            whole = Times(host.whole)
        }
    }
}

extension Duration {
    fileprivate var milliseconds: Double { Double(Int((seconds * 1_000_000).rounded())) / 1000 }
}
