import JobStore
import Runner

/// The hosts of a run as a table.
struct LiveHosts {
    let figures: RunFigures
    /// The Unix time in µs.
    let nowMicros: Int

    func lines(count: Int, columns: Int, ink: Ink) -> [String] {
        let hosts = Array(figures.hosts.prefix(count))
        // Names are worth more than the last of the figures.
        let isWide = columns >= 70
        let names = names(hosts)
        let hidden = max(0, max(figures.hostCount, figures.hosts.count) - hosts.count)
        let title = "HOSTS" + (hidden > 0 ? " (+\(Format.count(hidden)))" : "")
        func times(_ pick: (RunMeasures.Times) -> Duration) -> [String] {
            hosts.map { $0.whole.map { Format.precise(pick($0)) } ?? "–" }
        }
        return Table([
            Table.Column(title: title, cells: names, isRight: false, widthMin: isWide ? 24 : 12),
            Table.Column(title: "/s", cells: hosts.map { Format.rate($0.rate) }, rank: 2),
            Table.Column(
                title: "in flight", cells: hosts.map { Format.count($0.inFlight) }, rank: 4),
            Table.Column(title: "waiting", cells: hosts.map { Format.count($0.waiting) }, rank: 7),
            Table.Column(title: "p50", cells: times(\.p50), rank: 5),
            Table.Column(title: "p90", cells: times(\.p90), rank: 6),
            Table.Column(title: "p99", cells: times(\.p99), rank: 3),
            Table.Column(
                title: "failing", cells: hosts.map(failing), rank: 1,
                colours: hosts.map { $0.failures * 20 > $0.attempts ? .bad : nil }),
            Table.Column(
                title: "state", cells: hosts.map(state), isRight: false,
                widthMin: isWide ? 16 : 14,
                colours: hosts.map(colour)),
        ]).lines(width: columns, ink: ink)
    }

    /// Names without their scheme, unless two hosts would have the same one.
    private func names(_ hosts: [HostFigures]) -> [String] {
        let short = hosts.map { host in
            let name = Layout.plain(host.name)
            return name.firstRange(of: "://").map { String(name[$0.upperBound...]) } ?? name
        }
        let counts = Dictionary(short.map { ($0, 1) }, uniquingKeysWith: +)
        return zip(hosts, short).map { counts[$1] == 1 ? $1 : Layout.plain($0.name) }
    }

    private func failing(_ host: HostFigures) -> String {
        host.failures > 0 ? Format.percent(host.failures, of: host.attempts) : "0 %"
    }

    private func state(_ host: HostFigures) -> String {
        let left = host.untilMicros.map { max(0, $0 - nowMicros) } ?? 0
        let time = left > 0 ? " \(Format.duration(.seconds((left + 999_999) / 1_000_000)))" : ""
        return switch host.state {
        case .ok: "ok" + (host.perSecondMax.map { ", \(Format.rate($0))/s" } ?? "")
        case .slowed: "slowed" + (host.perSecondMax.map { " to \(Format.rate($0))/s" } ?? "")
        case .resting: "left alone" + time
        case .unreachable: "unreachable" + time
        case .denied: "denies access"
        }
    }

    private func colour(_ host: HostFigures) -> Ink.Colour? {
        switch host.state {
        case .ok: .good
        case .slowed, .resting: .odd
        case .unreachable, .denied: .bad
        }
    }
}
