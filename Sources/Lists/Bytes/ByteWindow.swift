internal import Glibc

/// The part of a list's bytes that is being cut into rows.
///
/// Its memory is twice what one read asks for, and grows only while its user drops nothing.
final class ByteWindow {
    private let inflow: ByteInflow
    private let readBytes: Int
    private var memory: UnsafeMutableRawPointer
    private(set) var capacity: Int
    private var begin = 0
    private var end = 0
    /// The position in the list, decompressed, of the first unread byte.
    private(set) var position = 0

    init(_ inflow: ByteInflow, readBytes: Int) {
        self.inflow = inflow
        self.readBytes = readBytes
        capacity = 2 * readBytes
        memory = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit { memory.deallocate() }

    var file: ByteFile { inflow.file }

    /// The bytes that have come and were not dropped; they stay where they are until `fill`.
    var unread: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: memory + begin, count: end - begin)
    }

    /// Counts the first unread bytes as read. They stay in memory until `fill`.
    func drop(_ count: Int) {
        begin += count
        position += count
    }

    /// Adds bytes behind the unread ones, which may move.
    ///
    /// - Returns: Whether there were any.
    func fill() throws(ListError) -> Bool {
        if begin > 0 {
            memmove(memory, memory + begin, end - begin)
            (begin, end) = (0, end - begin)
        }
        if capacity - end < readBytes {
            capacity *= 2
            let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
            larger.copyMemory(from: memory, byteCount: end)
            memory.deallocate()
            memory = larger
        }
        let room = UnsafeMutableRawBufferPointer(start: memory + end, count: readBytes)
        let count = try inflow.read(into: room)
        end += count
        return count > 0
    }

    /// The same, but waits for bytes for as long as it takes: for a caller that has dropped a part
    /// of what it would have to look at again.
    func fillWithoutPause() throws(ListError) -> Bool {
        let patienceMillis = file.patienceMillis
        file.patienceMillis = nil
        defer { file.patienceMillis = patienceMillis }
        return try fill()
    }

    /// Reads on until there are as many unread bytes, or no more.
    func fill(to count: Int) throws(ListError) {
        while unread.count < count, try fill() {}
    }

    /// Goes on to a byte that is not read yet: by seeking where that is possible.
    ///
    /// - Throws: `changed` when the list ends before it.
    func skip(to target: Int) throws(ListError) {
        if target > position + unread.count, inflow.seek(to: target) {
            (begin, end, position) = (0, 0, target)
            return
        }
        while target > position {
            drop(min(target - position, unread.count))
            guard position < target else { return }
            guard try fill() else {
                throw ListError(
                    .changed, file.name,
                    "has only \(position) bytes, and \(target) of it were read before; it is another file now"
                )
            }
        }
    }
}
