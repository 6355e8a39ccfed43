internal import Glibc

/// What is kept of a response while it comes: its header and its body.
///
/// A worker's transfer fills it, its loop renders it; one that is too large for the loop goes to
/// the writer instead.
final class Capture: @unchecked Sendable {
    // @unchecked holds because one thread has it at a time: it is handed on, never shared.

    /// The status line and the fields of the last response, with their line ends, as they came.
    private(set) var head: [UInt8] = []
    private(set) var body: Body
    /// When the attempt began, Unix time in µs, and how long it took.
    var startedMicros = 0
    var durationMicros = 0
    /// Text, empty when nothing was connected.
    var remoteIP: [UInt8] = []
    /// Whether it came from another URL than was asked for.
    var isRedirected = false
    /// Where the response came from, as libcurl has it; known after a redirect, and where the
    /// format archives requests.
    private(set) var finalURL: [UInt8] = []
    var httpVersion = HTTPVersion.none
    /// Whether the body was cut at its limit.
    var isCut = false
    private var isHeadWhole = false

    enum HTTPVersion { case none, http10, http11, http2 }

    private let limits: Body.Limits
    /// Of the budget, for a head that is larger than most.
    private var headMemory = 0

    init(_ limits: Body.Limits) {
        self.limits = limits
        body = Body(limits)
    }

    deinit { reset() }

    /// For the next request.
    func reset() {
        head.removeAll(keepingCapacity: head.capacity <= Body.freeBytes)
        limits.budget.giveBack(headMemory)
        headMemory = 0
        durationMicros = 0
        body.reset()
        remoteIP.removeAll(keepingCapacity: true)
        finalURL.removeAll(keepingCapacity: true)
        httpVersion = .none
        isRedirected = false
        isCut = false
        isHeadWhole = false
    }

    /// Takes one line of a header, as libcurl gives them: of each response on the way, and of
    /// trailers after the body, which are not kept.
    ///
    /// - Returns: Whether there was room for it.
    func append(line: UnsafeRawBufferPointer) -> Bool {
        if (head.isEmpty || isHeadWhole) && body.count == 0 && Self.isStatusLine(line) {
            head.removeAll(keepingCapacity: true)
            isHeadWhole = false
        }
        guard !isHeadWhole else { return true }
        if line.first == UInt8(ascii: "\r") || line.first == UInt8(ascii: "\n") {
            isHeadWhole = true
            return true
        }
        guard head.count + line.count <= Self.headBytesMax else { return false }
        head.append(contentsOf: line)
        let beyond = max(0, head.capacity - Body.freeBytes)
        if beyond > headMemory {
            limits.budget.force(beyond - headMemory)
            headMemory = beyond
        }
        return true
    }

    /// And not a field whose name begins like one.
    private static func isStatusLine(_ line: UnsafeRawBufferPointer) -> Bool {
        line.starts(with: "HTTP/".utf8) && line.count > 5
            && (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(line[5])
    }

    /// As of libcurl from 8.3 on.
    private static let headBytesMax = 300 << 10

    /// With what is no part of a URL percent-encoded: a server may have sent any byte.
    func setFinalURL(_ url: UnsafeRawBufferPointer) {
        for byte in url {
            if byte > 0x20 && byte < 0x7F {
                finalURL.append(byte)
            } else {
                finalURL.append("%")
                finalURL.append(
                    contentsOf: [byte >> 4, byte & 15].map { $0 < 10 ? $0 + 0x30 : $0 + 0x37 })
            }
        }
    }

    func append(body bytes: UnsafeRawBufferPointer) throws(Errno) { try body.append(bytes) }
}

/// The bytes of a body: in memory while they are few and the run's budget allows it, else in the
/// run's spool.
struct Body {
    /// What holds for all bodies of a run.
    final class Limits: Sendable {
        let budget: MemoryBudget
        let spool: Spool

        init(budget: MemoryBudget, spool: Spool) {
            self.budget = budget
            self.spool = spool
        }
    }

    /// Every worker may have so many, whatever is left of the budget.
    static let freeBytes = 4096
    /// No body has more in memory.
    static let memoryBytesMax = 256 << 10

    private let limits: Limits
    private var bytes: [UInt8] = []
    /// Of the budget.
    private var taken = 0
    private var spooled: Slots?
    private(set) var count = 0

    /// Places in the spool, given back with the last body that reads them.
    private final class Slots {
        var numbers: [Int] = []
        private let spool: Spool

        init(of spool: Spool) { self.spool = spool }
        deinit { spool.giveBack(numbers) }
    }

    init(_ limits: Limits) { self.limits = limits }

    var isInMemory: Bool { spooled == nil }

    mutating func reset() {
        limits.budget.giveBack(taken)
        if taken > 0 { bytes = [] } else { bytes.removeAll(keepingCapacity: true) }
        spooled = nil
        taken = 0
        count = 0
    }

    /// - Throws: What the spool's disk says.
    mutating func append(_ added: UnsafeRawBufferPointer) throws(Errno) {
        if spooled == nil {
            if makeRoom(for: count + added.count) {
                bytes.append(contentsOf: added)
                count += added.count
                return
            }
            let held = bytes
            (count, bytes) = (0, [])
            spooled = Slots(of: limits.spool)
            do {
                try held.withRawBytes { held throws(Errno) in try spool(held) }
            }
            limits.budget.giveBack(taken)
            taken = 0
        }
        try spool(added)
    }

    private mutating func makeRoom(for needed: Int) -> Bool {
        if needed <= max(Self.freeBytes, taken) {
            bytes.reserveCapacity(min(Self.freeBytes, max(needed, 512)))
            return true
        }
        guard needed <= Self.memoryBytesMax else { return false }
        let fitting = min(Self.memoryBytesMax, max(needed, 2 * bytes.count))
        guard limits.budget.take(fitting - taken) else { return false }
        taken = fitting
        bytes.reserveCapacity(fitting)
        return true
    }

    private mutating func spool(_ added: UnsafeRawBufferPointer) throws(Errno) {
        guard let slots = spooled else { preconditionFailure("only what is spooled is added to") }
        var rest = added[...]
        while !rest.isEmpty {
            let offset = count % Spool.slotBytes
            if count == slots.numbers.count * Spool.slotBytes {
                slots.numbers.append(try limits.spool.takeSlot())
            }
            let piece = rest.prefix(Spool.slotBytes - offset)
            try limits.spool.write(
                UnsafeRawBufferPointer(rebasing: piece), to: slots.numbers[slots.numbers.count - 1],
                at: offset)
            count += piece.count
            rest = rest.dropFirst(piece.count)
        }
    }

    /// Gives the body's bytes in pieces, all but the last of them a multiple of three long.
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
                let offset = (place + done) % Spool.slotBytes
                let piece = min(length - done, Spool.slotBytes - offset)
                do {
                    try limits.spool.read(
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
}
