internal import JobStore
internal import Synchronization

/// A host that a run has to do with. There is one object for each host at a time, so that two jobs
/// of one host are told by comparing numbers.
final class Host: Sendable {
    typealias ID = Int

    /// The number of the host within the run.
    let id: ID
    let key: HostKey
    private let behaviourBits = Atomic<UInt8>(0)

    /// The part of what the feed knows of a host that loops judge its answers by.
    struct Behaviour: OptionSet, Sendable {
        let rawValue: UInt8
        /// The host refuses most of what it is asked.
        static let pushesBack = Behaviour(rawValue: 1)
        /// Where the host denies access to some jobs, it does not to others.
        static let isMixed = Behaviour(rawValue: 2)
        /// Jobs of the host wait for their first attempt.
        static let hasFresh = Behaviour(rawValue: 4)
        /// The delay that the host's robots.txt asks for is kept.
        static let keepsCrawlDelay = Behaviour(rawValue: 8)
        /// The host is out of reach, or is left alone: attempts that fail to reach it are to be given
        /// back.
        static let isOutOfReach = Behaviour(rawValue: 16)
    }

    /// The behaviour of late; the feed sets it.
    var behaviour: Behaviour {
        get { Behaviour(rawValue: behaviourBits.load(ordering: .relaxed)) }
        set { behaviourBits.store(newValue.rawValue, ordering: .relaxed) }
    }

    fileprivate init(id: ID, key: HostKey) {
        self.id = id
        self.key = key
    }
}

/// The hosts of a run that somebody still refers to.
final class HostTable: Sendable {
    private enum Name: Hashable {
        case host(HostKey)
        /// The hosts of a batch whose jobs have one each.
        case hosts(of: Batch.ID)
    }

    private struct State {
        var hosts: [Name: Host] = [:]
        var lastID = 0
        /// The number of hosts at which those that nobody else refers to are dropped.
        var countMax = 256
    }

    private let state = Locked(State())

    /// Returns the host of a key: the same object as long as anyone refers to it.
    func host(_ key: HostKey) -> Host { host(.host(key), key) }

    /// Returns the host that stands for those of a batch whose jobs have one each: the same object
    /// as long as anyone refers to it.
    func standIn(for batch: Batch.ID, _ key: HostKey) -> Host { host(.hosts(of: batch), key) }

    private func host(_ name: Name, _ key: HostKey) -> Host {
        state.withLock { state in
            if let known = state.hosts[name] { return known }
            if state.hosts.count >= state.countMax {
                Self.dropUnused(&state.hosts)
                state.countMax = max(256, state.hosts.count * 3 / 2)
            }
            state.lastID += 1
            let host = Host(id: state.lastID, key: key)
            state.hosts[name] = host
            return host
        }
    }

    /// Not by weak references: each use of an object that has one costs more.
    private static func dropUnused(_ hosts: inout [Name: Host]) {
        var unused: [Name] = []
        // Not over `hosts.indices`, which would refer to all of them, too.
        var index = hosts.startIndex
        while index != hosts.endIndex {
            if isKnownUniquelyReferenced(&hosts.values[index]) { unused.append(hosts.keys[index]) }
            hosts.formIndex(after: &index)
        }
        for name in unused { hosts[name] = nil }
    }
}
