internal import Glibc

/// Cuts what comes from a pipe into lines.
struct LineBuffer: ~Copyable {
    /// The error when a line is too long.
    struct Excess: Error {
        /// The first bytes of the line.
        let excerpt: [UInt8]
    }

    private var memory: UnsafeMutableRawBufferPointer
    /// The bytes that were read and not taken.
    private var held: Range<Int> = 0..<0
    /// The bytes of `held` in which there is no line's end.
    private var searched = 0
    private let lineBytesMax: Int
    /// Whether the last read took all that there was room for: more may be there.
    private(set) var wasFilled = false

    private static let sizeMin = 64 << 10

    init(lineBytesMax: Int) {
        self.lineBytesMax = lineBytesMax
        memory = .allocate(byteCount: Self.sizeMin, alignment: 16)
    }

    deinit { memory.deallocate() }

    /// Reads once.
    ///
    /// - Returns: The number of bytes; 0 at the end, or when the pipe fails; `nil` when nothing is
    ///   there.
    mutating func read(from descriptor: Int32) -> Int? {
        makeRoom()
        while true {
            let room = UnsafeMutableRawBufferPointer(rebasing: memory[held.upperBound...])
            let count = Glibc.read(descriptor, room.baseAddress, room.count)
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN { return nil }
            wasFilled = count == room.count
            if count > 0 { held = held.lowerBound..<held.upperBound + count }
            return max(0, count)
        }
    }

    private mutating func makeRoom() {
        if held.isEmpty, memory.count > Self.sizeMin { resize(to: Self.sizeMin) }
        guard memory.count - held.upperBound < Self.sizeMin / 2 else { return }
        if held.count <= memory.count / 4 {
            memory.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[held]))
            held = 0..<held.count
        } else {
            resize(to: 2 * memory.count)
        }
    }

    private mutating func resize(to byteCount: Int) {
        let other = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 16)
        other.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[held]))
        memory.deallocate()
        memory = other
        held = 0..<held.count
    }

    /// Takes the lines that are there.
    ///
    /// - Parameter take: Called with each line, without its end; returns whether to go on.
    /// - Returns: Whether `take` wants to go on.
    /// - Throws: `Excess` when a line is too long.
    mutating func forEachLine(
        _ take: (UnsafeRawBufferPointer) -> Bool
    ) throws(Excess) -> Bool {
        while true {
            let bytes = UnsafeRawBufferPointer(rebasing: memory[held])
            let rest = UnsafeRawBufferPointer(rebasing: bytes[searched...])
            guard let found = rest.offset(of: UInt8(ascii: "\n")) else {
                searched = bytes.count
                guard searched <= lineBytesMax else {
                    throw Excess(excerpt: Array(bytes.prefix(61)))
                }
                return true
            }
            let end = searched + found
            guard end <= lineBytesMax else { throw Excess(excerpt: Array(bytes.prefix(61))) }
            let wantsMore = take(UnsafeRawBufferPointer(rebasing: bytes[..<end]))
            held = held.lowerBound + end + 1..<held.upperBound
            searched = 0
            guard wantsMore else { return false }
        }
    }
}
