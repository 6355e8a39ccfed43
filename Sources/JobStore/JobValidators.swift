/// The validators of some jobs of a batch, by position.
public final class JobValidators: Sendable {
    /// Rising.
    private let positions: [Int]
    /// The ends of the validators of each position in `bytes`.
    private let ends: [Int32]
    private let bytes: [UInt8]

    /// - Parameter validators: Those of each position once, by rising position.
    public init(_ validators: [(position: Int, Validators)]) {
        positions = validators.map(\.position)
        var bytes: [UInt8] = []
        var ends: [Int32] = []
        for (_, each) in validators {
            bytes += each.packed
            ends.append(Int32(bytes.count))
        }
        self.bytes = bytes
        self.ends = ends
    }

    public var count: Int { positions.count }

    /// Returns those of some positions.
    func part(_ jobs: [Range<Int>]) -> [(position: Int, Validators)] {
        jobs.flatMap { run in
            positions[index(of: run.lowerBound)..<index(of: run.upperBound)].compactMap {
                position in self[position].map { (position, $0) }
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

    /// The validators of a job; `nil` when it has none.
    ///
    /// - Complexity: O(log `count`).
    public subscript(position: Int) -> Validators? {
        let index = index(of: position)
        guard index < positions.count, positions[index] == position else { return nil }
        let start = index == 0 ? 0 : Int(ends[index - 1])
        var reader = NumberReader(bytes[start..<Int(ends[index])])
        return Validators(&reader)
    }
}

/// A part of a page of a batch's validators, as a store keeps it: those that one commit brought, or
/// several.
struct ValidatorPart {
    /// The number of jobs of a page: those at `number * jobsMax` and after it.
    static let jobsMax = Segment.countMax

    /// Packs validators.
    ///
    /// Each entry is how far its position lies behind the one before, or behind the page's first, and
    /// the validators. All of it is packed as the lines of lists are, where that makes it smaller.
    ///
    /// - Parameters:
    ///   - entries: Those of some jobs of the page, by rising position.
    ///   - page: The number of the page.
    static func packed(
        _ entries: some Sequence<(position: Int, Validators)>, page: Int, by packer: ListPacker
    ) -> [UInt8] {
        var plain: [UInt8] = [ListBlock.Packing.plain.rawValue]
        var next = page * jobsMax
        for (position, validators) in entries {
            plain.append(number: UInt(position - next))
            plain += validators.packed
            next = position + 1
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
    /// - Returns: `nil` when the bytes are no part of the page.
    static func entries(
        in bytes: [UInt8], page: Int
    ) -> [(position: Int, Validators)]? {
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
        var entries: [(position: Int, Validators)] = []
        var next = page * jobsMax
        let end = next + jobsMax
        while !reader.rest.isEmpty {
            guard let gap = reader.next(), gap < UInt(end - next),
                let validators = Validators(&reader)
            else { return nil }
            entries.append((next + Int(gap), validators))
            next += Int(gap) + 1
        }
        return entries
    }
}
