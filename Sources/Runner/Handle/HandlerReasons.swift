internal import JobStore
internal import Synchronization

/// The names that a run's handlers give the reasons for which jobs have failed: the first few become
/// outcomes.
final class HandlerReasons: Sendable {
    private let known: Locked<Set<HandlerReason>>

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
        let name = words.utf8.prefix(HandlerReason.bytesMax + 1).prefix { $0 != UInt8(ascii: ":") }
        let rest = words.utf8.dropFirst(name.count)
        guard
            rest.isEmpty || rest.elementsEqual([UInt8(ascii: ":")]) || rest.starts(with: ": ".utf8),
            let reason = HandlerReason(String(decoding: name, as: UTF8.self))
        else { return nil }
        return known.withLock { known in
            if known.contains(reason) { return reason }
            guard known.count < Self.namesMax else { return nil }
            known.insert(reason)
            return reason
        }
    }
}
