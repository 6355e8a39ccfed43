internal import Glibc
internal import JobStore
internal import Synchronization

/// A temporary file for heads and bodies that are not to be held in memory. It has no name, so that
/// it goes with the process, and is in the output's folder, where there is room for bodies.
///
/// The file is made of slots that are given out and taken back, so that it never grows beyond what
/// was in it at one time.
final class Spool: Sendable {
    /// The bytes of a slot.
    static let slotBytes = 256 << 10

    private struct Slots {
        var descriptor: Int32 = -1
        var free: [Int] = []
        var count = 0
    }

    private let slots = Locked(Slots())
    private let folder: @Sendable () -> Int32

    /// - Parameter folder: Returns the descriptor of the folder that the file is made in.
    init(folder: @escaping @Sendable () -> Int32) { self.folder = folder }

    deinit {
        let descriptor = slots.withLock { $0.descriptor }
        if descriptor >= 0 { close(descriptor) }
    }

    /// Gives out a slot that nobody else has.
    ///
    /// - Throws: `Errno` when the file cannot be made.
    func takeSlot() throws(Errno) -> Int {
        try slots.withLock { slots throws(Errno) in
            if slots.descriptor < 0 { slots.descriptor = try Self.make(in: folder()) }
            if let slot = slots.free.popLast() { return slot }
            slots.count += 1
            return slots.count - 1
        }
    }

    func giveBack(_ returned: [Int]) {
        slots.withLock { slots in
            slots.free.append(contentsOf: returned)
            guard slots.free.count == slots.count else { return }
            // Nothing is in it: the disk gets its room back.
            slots.free.removeAll(keepingCapacity: true)
            slots.count = 0
            _ = ftruncate(slots.descriptor, 0)
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer, to slot: Int, at offset: Int) throws(Errno) {
        let descriptor = slots.withLock { $0.descriptor }
        var rest = bytes[...]
        while let start = UnsafeRawBufferPointer(rebasing: rest).baseAddress, !rest.isEmpty {
            let place = slot * Self.slotBytes + offset + (bytes.count - rest.count)
            let count = pwrite(descriptor, start, rest.count, off_t(place))
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw Errno(count < 0 ? errno : ENOSPC) }
            rest = rest.dropFirst(count)
        }
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, from slot: Int, at offset: Int)
        throws(Errno)
    {
        let descriptor = slots.withLock { $0.descriptor }
        var done = 0
        while done < buffer.count {
            let count = pread(
                descriptor, buffer.baseAddress! + done, buffer.count - done,
                off_t(slot * Self.slotBytes + offset + done))
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw Errno(count < 0 ? errno : EIO) }
            done += count
        }
    }

    /// Makes a file without a name, to be read and written.
    ///
    /// - Parameter folder: The descriptor of the folder that it is made in.
    static func make(in folder: Int32) throws(Errno) -> Int32 {
        // O_TMPFILE, a macro Swift does not import: a file that never had a name.
        let unnamed = 0o20000000 | O_DIRECTORY
        let descriptor = openat(folder, ".", unnamed | O_RDWR | O_CLOEXEC, 0o600)
        if descriptor >= 0 { return descriptor }
        // Not all file systems know it.
        guard errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL else { throw Errno(errno) }
        let name = ".spool-\(getpid())"
        unlinkat(folder, name, 0)  // of one who was killed, with the same number
        let named = openat(
            folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard named >= 0 else { throw Errno(errno) }
        unlinkat(folder, name, 0)
        return named
    }
}
