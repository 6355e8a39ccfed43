internal import JobStore

/// Lines that wait to be compared with the requests of the queue. Pure.
///
/// In order: `hold` until it is full, `distinctHashes`, `drop`, and `next` until none is left.
struct HeldLines {
    /// The lines, one after another.
    private(set) var lines = ListBlockBuilder()
    private var places: [Place] = []
    /// The hashes of the lines that are left, by hash once they were sorted.
    private var entries: [Entry] = []
    /// The index of the line that `next` returns.
    private var index = 0
    /// The number of lines that were dropped, ever.
    private(set) var dropped = 0

    private struct Place {
        /// The end of the line in `lines`.
        let end: Int32
        let lane: Int32
        var isLeft = false
    }

    private struct Entry {
        let hash: RequestHash
        let line: Int32
    }

    /// The most lines that are held: the more, the less often the set is read, and 100 bytes of
    /// memory for each and its hash.
    static let linesMax = 1 << 17
    /// The bytes of lines at which no more are held.
    static let bytesMax = 16 << 20

    var isFull: Bool { places.count >= Self.linesMax || lines.byteCount >= Self.bytesMax }

    /// Holds a line.
    ///
    /// - Parameters:
    ///   - hash: The hash of its request.
    ///   - write: Writes the line.
    mutating func hold(
        _ hash: RequestHash, lane: Int, _ write: (inout ListBlockBuilder) -> Void
    ) {
        if places.capacity == 0 {
            places.reserveCapacity(Self.linesMax)
            entries.reserveCapacity(Self.linesMax)
            lines.reserve(bytes: Self.bytesMax + LineFields.lineBytesMax)
        }
        write(&lines)
        entries.append(Entry(hash: hash, line: Int32(places.count)))
        places.append(Place(end: Int32(lines.byteCount), lane: Int32(lane)))
    }

    /// Drops lines whose hash an earlier one has.
    ///
    /// - Returns: The hashes that are left, rising.
    mutating func distinctHashes() -> [RequestHash] {
        entries.sort { one, other in
            one.hash.high != other.hash.high
                ? one.hash.high < other.hash.high
                : (one.hash.low, one.line) < (other.hash.low, other.line)
        }
        var (count, hashes) = (0, [RequestHash]())
        hashes.reserveCapacity(entries.count)
        for entry in entries where entry.hash != hashes.last {
            hashes.append(entry.hash)
            entries[count] = entry
            count += 1
        }
        dropped += entries.count - count
        entries.removeLast(entries.count - count)
        return hashes
    }

    /// Drops lines.
    ///
    /// - Parameter known: Whether to drop the line, for each hash that `distinctHashes` returned.
    mutating func drop(known: [Bool]) {
        for (entry, isKnown) in zip(entries, known) {
            if isKnown { dropped += 1 } else { places[Int(entry.line)].isLeft = true }
        }
    }

    /// Returns the next line that is left, in the order in which they were held; after the last
    /// one, `nil`, and others may be held.
    ///
    /// - Returns: The lane, and the place of the line in `lines`, where it stays until the next call.
    mutating func next() -> (lane: Int, bytes: Range<Int>)? {
        while index < places.count {
            let place = places[index]
            let start = index == 0 ? 0 : places[index - 1].end
            index += 1
            if place.isLeft { return (Int(place.lane), Int(start)..<Int(place.end)) }
        }
        index = 0
        places.removeAll(keepingCapacity: true)
        entries.removeAll(keepingCapacity: true)
        lines.removeAll()
        return nil
    }
}
