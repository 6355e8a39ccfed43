internal import JobStore
internal import Synchronization

/// A host that a run has to do with. There is one object for each host at a time, so that two jobs
/// of one host are told by comparing numbers.
final class Host: Sendable {
    typealias ID = Int

    /// The number of the host within the run.
    let id: ID
    let key: HostKey

    fileprivate init(id: ID, key: HostKey) {
        self.id = id
        self.key = key
    }
}

/// The hosts of a run that somebody still refers to.
final class HostTable: Sendable {
    private struct Entry {
        weak var host: Host?
    }

    private struct State {
        var hosts: [HostKey: Entry] = [:]
        var lastID = 0
        /// The number of entries at which those of hosts that are gone are dropped.
        var countMax = 256
    }

    private let state = Mutex(State())

    /// Returns the host of a key: the same object as long as anyone refers to it.
    func host(_ key: HostKey) -> Host {
        state.withLock { state in
            if let known = state.hosts[key]?.host { return known }
            if state.hosts.count >= state.countMax {
                state.hosts = state.hosts.filter { $0.value.host != nil }
                state.countMax = max(256, 2 * state.hosts.count)
            }
            let host = Self.newHost(key, &state)
            state.hosts[key] = Entry(host: host)
            return host
        }
    }

    /// Makes a host that stands for many: those of a batch whose jobs have a host each.
    func standIn(_ key: HostKey) -> Host { state.withLock { Self.newHost(key, &$0) } }

    private static func newHost(_ key: HostKey, _ state: inout State) -> Host {
        state.lastID += 1
        return Host(id: state.lastID, key: key)
    }
}
