internal import JobStore

/// The change of the numbers of a queue's jobs by batch.
struct TallyChange: Equatable {
    /// A number that is kept.
    enum Kind: Hashable {
        /// Jobs whose last attempt ended with this code.
        case ended(UInt8)
        /// Jobs without an outcome that a runner holds. Kept in the log alone: elsewhere segments
        /// tell it.
        case held
        /// Jobs that a runner tries again. As above.
        case tried

        /// The number as it stands in the column `code` of the log.
        var code: Int {
            switch self {
            case .held: 0
            case .ended(let code): Int(code)
            case .tried: 256
            }
        }

        init(code: Int) {
            self = code == 0 ? .held : UInt8(exactly: code).map(Kind.ended) ?? .tried
        }
    }

    /// By batch, each batch's by code.
    private var changes: [Batch.ID: [Int]] = [:]

    mutating func add(_ count: Int, to kind: Kind, of batch: Batch.ID) {
        changes[batch, default: Self.none][kind.code] += count
    }

    private static let none = [Int](repeating: 0, count: Kind.tried.code + 1)

    mutating func add(_ other: TallyChange) {
        for (batch, kind, count) in other.all { add(count, to: kind, of: batch) }
    }

    /// The changes other than 0, by rising batch and code.
    var all: [(batch: Batch.ID, kind: Kind, count: Int)] {
        changes.sorted { $0.key < $1.key }.flatMap { batch, counts in
            counts.enumerated().filter { $0.element != 0 }.map {
                (batch, Kind(code: $0.offset), $0.element)
            }
        }
    }

    /// The changes of numbers that are tallied.
    var ended: [(batch: Batch.ID, code: Int, count: Int)] {
        all.compactMap { batch, kind, count in
            if case .ended(let code) = kind { (batch, Int(code), count) } else { nil }
        }
    }

    /// The changes of `ended` over all batches, by rising code.
    var totals: [(code: Int, count: Int)] {
        var totals: [Int: Int] = [:]
        for (_, code, count) in ended { totals[code, default: 0] += count }
        return totals.filter { $0.value != 0 }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    static func == (left: TallyChange, right: TallyChange) -> Bool {
        left.all.elementsEqual(right.all) { $0 == $1 }
    }
}
