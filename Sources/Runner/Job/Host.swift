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

    private enum Name: Hashable {
        case host(HostKey)
        /// The hosts of a batch whose jobs have one each.
        case hosts(of: Batch.ID)
    }

    private struct State {
        var hosts: [Name: Entry] = [:]
        var lastID = 0
        /// The number of entries at which those of hosts that are gone are dropped.
        var countMax = 256
    }

    private let state = Mutex(State())

    /// Returns the host of a key: the same object as long as anyone refers to it.
    func host(_ key: HostKey) -> Host { host(.host(key), key) }

    /// Returns the host that stands for those of a batch whose jobs have one each: the same object
    /// as long as anyone refers to it.
    func standIn(for batch: Batch.ID, _ key: HostKey) -> Host { host(.hosts(of: batch), key) }

    private func host(_ name: Name, _ key: HostKey) -> Host {
        state.withLock { state in
            if let known = state.hosts[name]?.host { return known }
            if state.hosts.count >= state.countMax {
                state.hosts = state.hosts.filter { $0.value.host != nil }
                state.countMax = max(256, 2 * state.hosts.count)
            }
            state.lastID += 1
            let host = Host(id: state.lastID, key: key)
            state.hosts[name] = Entry(host: host)
            return host
        }
    }
}
