/// The validators of some jobs of a batch, by position.
public final class JobValidators: Sendable {
    /// Rising.
    private let positions: [Int]
    /// The ends of the validators of each position in `bytes`.
    private let ends: [Int32]
    private let bytes: [UInt8]

    /// - Parameter validators: Those of each position once, by rising position.
    public convenience init(_ validators: [(position: Int, Validators)]) {
        self.init(validators.map { ValidatorPart.Entry($0.position, $0.1) })
    }

    /// - Parameter entries: Those of each position once, by rising position.
    init(_ entries: [ValidatorPart.Entry]) {
        positions = entries.map(\.position)
        var bytes: [UInt8] = []
        var ends: [Int32] = []
        bytes.reserveCapacity(entries.reduce(0) { $0 + $1.packed.count })
        ends.reserveCapacity(entries.count)
        for entry in entries {
            bytes += entry.packed
            ends.append(Int32(bytes.count))
        }
        self.bytes = bytes
        self.ends = ends
    }

    public var count: Int { positions.count }

    /// About the bytes of memory that they take.
    public var byteCount: Int {
        bytes.count
            + positions.count * (MemoryLayout<Int>.stride + MemoryLayout<Int32>.stride)
    }

    /// Returns those of some positions.
    func part(_ jobs: [Range<Int>]) -> [ValidatorPart.Entry] {
        jobs.flatMap { run in
            (index(of: run.lowerBound)..<index(of: run.upperBound)).map {
                ValidatorPart.Entry(position: positions[$0], packed: packed(at: $0))
            }
        }
    }

    /// The index of the first position that is as large or larger.
    private func index(of position: Int) -> Int {
        var (low, high) = (0, positions.count)
        while low < high {
            let middle = (low + high) / 2
            if positions[middle] < position { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private func packed(at index: Int) -> ArraySlice<UInt8> {
        bytes[(index == 0 ? 0 : Int(ends[index - 1]))..<Int(ends[index])]
    }

    /// The validators of a job; `nil` when it has none.
    ///
    /// - Complexity: O(log `count`).
    public subscript(position: Int) -> Validators? {
        let index = index(of: position)
        guard index < positions.count, positions[index] == position else { return nil }
        var reader = NumberReader(packed(at: index))
        return Validators(&reader)
    }
}

/// A part of a page of a batch's validators, as a store keeps it: those that one commit brought, or
/// several.
struct ValidatorPart {
    /// The validators of a job in their packed form: to claim one job of a page, thousands are passed
    /// over.
    struct Entry: Equatable {
        let position: Int
        let packed: ArraySlice<UInt8>

        init(position: Int, packed: ArraySlice<UInt8>) {
            self.position = position
            self.packed = packed
        }

        init(_ position: Int, _ validators: Validators) {
            self.init(position: position, packed: validators.packed[...])
        }
    }

    /// The number of jobs of a page: those at `number * jobsMax` and after it.
    static let jobsMax = Segment.countMax

    /// Packs validators.
    ///
    /// Each entry is how far its position lies behind the one before, or behind the page's first, and
    /// the validators. All of it is packed as the lines of lists are, where that makes it smaller.
    ///
    /// - Parameters:
    ///   - entries: Those of some jobs of the page, each once, by rising position.
    ///   - page: The number of the page.
    static func packed(_ entries: [Entry], page: Int, by packer: ListPacker) -> [UInt8] {
        var plain: [UInt8] = [ListBlock.Packing.plain.rawValue]
        var next = page * jobsMax
        for entry in entries {
            plain.append(number: UInt(entry.position - next))
            plain += entry.packed
            next = entry.position + 1
        }
        guard plain.count > worthPacking else { return plain }
        let packed = packer.packed(
            Array(plain.dropFirst()), after: ListBlock.Packing.zstd.rawValue)
        return packed.count < plain.count ? packed : plain
    }

    /// Below so many bytes a frame's own bytes are more than it saves.
    private static let worthPacking = 64
    /// The most bytes that a page's validators take.
    private static let plainBytesMax = jobsMax * (Validators.entityTagBytesMax + 32)

    /// Unpacks the validators of a page.
    ///
    /// - Returns: Those of each position once, by rising position; `nil` when the bytes are no part of
    ///   the page.
    static func entries(in bytes: [UInt8], page: Int) -> [Entry]? {
        guard let packing = bytes.first.flatMap(ListBlock.Packing.init(rawValue:)) else {
            return nil
        }
        let plain: [UInt8]? =
            switch packing {
            case .plain: Array(bytes.dropFirst())
            case .zstd: Zstd.unpacked(bytes[1...], bytesMax: plainBytesMax)
            }
        guard let plain else { return nil }
        var reader = NumberReader(plain[...])
        var entries: [Entry] = []
        var next = page * jobsMax
        let end = next + jobsMax
        while !reader.rest.isEmpty {
            guard let gap = reader.next(), gap < UInt(end - next),
                let packed = Validators.take(&reader)
            else { return nil }
            entries.append(Entry(position: next + Int(gap), packed: packed))
            next += Int(gap) + 1
        }
        return entries
    }

    /// Brings the entries of a page's parts in order.
    ///
    /// - Parameters:
    ///   - parts: Entries of the page.
    ///   - page: The number of the page.
    /// - Returns: The entries by rising position; `nil` when one position has two.
    static func joined(_ parts: [[Entry]], page: Int) -> [Entry]? {
        if parts.count == 1 { return parts[0] }
        // Parts come as jobs end, all over the page: each goes to its place, none is looked for.
        var places = [Entry?](repeating: nil, count: jobsMax)
        for entry in parts.joined() {
            let place = entry.position - page * jobsMax
            guard places[place] == nil else { return nil }
            places[place] = entry
        }
        return places.compactMap(\.self)
    }
}
