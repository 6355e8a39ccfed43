internal import Glibc
internal import JobStore

/// The bytes of a body or a head. They are in memory while they are few and the run's budget allows
/// it, else in the run's spool.
public struct SpoolableBytes {
    /// The bytes that each head or body may have in memory, whatever is left of the budget.
    static let freeBytes = 4096
    /// The most bytes of a head or body in memory.
    static let memoryBytesMax = 256 << 10

    private let storage: CaptureStorage
    /// All the bytes; if some are in the spool, the last ones, gathered so that the spool gets many
    /// at a time.
    private var bytes: [UInt8] = []
    /// The number of bytes in the spool.
    private var spooledCount = 0
    /// The bytes taken from the budget.
    private var taken = 0
    private var spooled: Slots?
    /// The number of bytes.
    public private(set) var count = 0

    /// Slots of the spool, given back with the last copy of the bytes that uses them.
    private final class Slots {
        var numbers: [Int] = []
        private let spool: Spool

        init(of spool: Spool) { self.spool = spool }
        deinit { spool.giveBack(numbers) }
    }

    init(_ storage: CaptureStorage) { self.storage = storage }

    /// Whether none of the bytes are in the temporary file.
    public var isInMemory: Bool { spooled == nil }

    /// All the bytes; `nil` when some are in the temporary file.
    public var inMemory: [UInt8]? { spooled == nil ? bytes : nil }

    mutating func reset() {
        storage.budget.giveBack(taken)
        if taken > 0 { bytes = [] } else { bytes.removeAll(keepingCapacity: true) }
        spooled = nil
        taken = 0
        (count, spooledCount) = (0, 0)
    }

    /// - Throws: The error of the spool's disk.
    mutating func append(_ added: UnsafeRawBufferPointer) throws(Errno) {
        if spooled == nil {
            if makeRoom(for: count + added.count) {
                bytes.append(raw: added)
                count += added.count
                return
            }
            spooled = Slots(of: storage.spool)
            try spoolHeld()
        }
        count += added.count
        // The lines of a head come one by one.
        if bytes.count + added.count > Self.freeBytes { try spoolHeld() }
        guard added.count < Self.freeBytes else { return try spool(added) }
        bytes.reserveCapacity(Self.freeBytes)
        bytes.append(raw: added)
    }

    /// Moves what is in memory to the spool.
    private mutating func spoolHeld() throws(Errno) {
        let held = bytes
        bytes = []
        try held.withRawBytes { held throws(Errno) in try spool(held) }
        storage.budget.giveBack(taken)
        taken = 0
    }

    private mutating func makeRoom(for needed: Int) -> Bool {
        if needed <= max(Self.freeBytes, taken) {
            bytes.reserveCapacity(min(Self.freeBytes, max(needed, 512)))
            return true
        }
        guard needed <= Self.memoryBytesMax else { return false }
        let fitting = min(Self.memoryBytesMax, max(needed, 2 * bytes.count))
        guard storage.budget.take(fitting - taken) else { return false }
        taken = fitting
        bytes.reserveCapacity(fitting)
        return true
    }

    private mutating func spool(_ added: UnsafeRawBufferPointer) throws(Errno) {
        guard let slots = spooled else { preconditionFailure("only what is spooled is added to") }
        var rest = added[...]
        while !rest.isEmpty {
            let offset = spooledCount % Spool.slotBytes
            if spooledCount == slots.numbers.count * Spool.slotBytes {
                slots.numbers.append(try storage.spool.takeSlot())
            }
            let piece = rest.prefix(Spool.slotBytes - offset)
            try storage.spool.write(
                UnsafeRawBufferPointer(rebasing: piece), to: slots.numbers[slots.numbers.count - 1],
                at: offset)
            spooledCount += piece.count
            rest = rest.dropFirst(piece.count)
        }
    }

    /// Gives the bytes in pieces. The length of each piece but the last is a multiple of three.
    func forEachPiece<Failure>(
        _ use: (UnsafeRawBufferPointer) throws(Failure) -> Void, spoolFailed: (Errno) -> Failure
    ) throws(Failure) {
        guard let slots = spooled?.numbers else {
            guard count > 0 else { return }
            return try bytes.withRawBytes { bytes throws(Failure) in try use(bytes) }
        }
        let size = 3 << 14
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
        defer { buffer.deallocate() }
        var place = 0
        while place < count {
            let length = min(size, count - place)
            var done = 0
            while done < length {
                guard place + done < spooledCount else {
                    let held = bytes[(place + done - spooledCount)...].prefix(length - done)
                    buffer[done..<length].copyBytes(from: held)
                    break
                }
                let offset = (place + done) % Spool.slotBytes
                let piece = min(
                    length - done, Spool.slotBytes - offset, spooledCount - place - done)
                do {
                    try storage.spool.read(
                        into: UnsafeMutableRawBufferPointer(
                            rebasing: buffer[done..<done + piece]),
                        from: slots[(place + done) / Spool.slotBytes], at: offset)
                } catch {
                    throw spoolFailed(error)
                }
                done += piece
            }
            try use(UnsafeRawBufferPointer(rebasing: buffer[..<length]))
            place += length
        }
    }

    /// Returns the first `limit` bytes, read back if they are in the temporary file.
    ///
    /// - Throws: `Errno` when the temporary file cannot be read.
    func prefix(_ limit: Int) throws(Errno) -> [UInt8] {
        if spooled == nil { return limit >= count ? bytes : Array(bytes.prefix(limit)) }
        var first: [UInt8] = []
        do throws(PrefixEnd) {
            try forEachPiece(
                { piece throws(PrefixEnd) in
                    let part = piece.prefix(limit - first.count)
                    first.append(raw: UnsafeRawBufferPointer(rebasing: part))
                    if first.count == limit { throw PrefixEnd.reached }
                }, spoolFailed: { .failed($0) })
        } catch {
            if case .failed(let error) = error { throw error }
        }
        return first
    }

    /// The reason to read no further.
    private enum PrefixEnd: Error {
        case reached
        case failed(Errno)
    }
}
