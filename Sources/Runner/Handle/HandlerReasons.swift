internal import JobStore
internal import Synchronization

/// The names that a run's handlers give the reasons for which jobs have failed: the first few become
/// outcomes.
final class HandlerReasons: Sendable {
    private let known: Locked<Set<String>>

    /// The most names of a run, those that the queue has counted among them.
    static let namesMax = 16

    init(_ counts: QueueCounts) {
        let names = counts.outcomes.compactMap { group in
            OutcomePattern(group.label).flatMap { pattern in
                if case .handlerReason(let name) = pattern { name } else { nil }
            }
        }
        known = Locked(Set(names))
    }

    /// Returns the name at the beginning of a handler's words, `sold_out` of `sold_out: since May`; `nil`
    /// when there is none, or there were as many others before.
    func name(in words: String) -> HandlerReason? {
        let start = words.utf8.prefix(HandlerReason.bytesMax + 1).prefix { $0 != UInt8(ascii: ":") }
        let rest = words.utf8.dropFirst(start.count)
        let name = String(decoding: start, as: UTF8.self)
        guard
            rest.isEmpty || rest.elementsEqual([UInt8(ascii: ":")]) || rest.starts(with: ": ".utf8),
            HandlerReason.isName(name)
        else { return nil }
        let isKnown = known.withLock { known in
            guard known.contains(name) || known.count < Self.namesMax else { return false }
            known.insert(name)
            return true
        }
        // Only then, as a process keeps for ever what it has once made a `HandlerReason` of.
        return isKnown ? HandlerReason(name) : nil
    }
}
