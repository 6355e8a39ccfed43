/// Memory for fields that differ from the list's bytes, kept from row to row.
package final class ScratchBytes {
    private var memory: UnsafeMutableRawBufferPointer
    private(set) var count = 0

    package init() { memory = .allocate(byteCount: 4096, alignment: 16) }

    deinit { memory.deallocate() }

    /// Empties the memory and makes it large enough: it does not move while no more than
    /// `byteCount` bytes are added.
    package func reset(for byteCount: Int = 0) {
        count = 0
        if memory.count < byteCount { grow(to: byteCount) }
    }

    func append(_ byte: UInt8) {
        if count == memory.count { grow(to: count + 1) }
        memory[count] = byte
        count += 1
    }

    func append(_ bytes: UnsafeRawBufferPointer) {
        if memory.count - count < bytes.count { grow(to: count + bytes.count) }
        UnsafeMutableRawBufferPointer(rebasing: memory[count...]).copyMemory(from: bytes)
        count += bytes.count
    }

    func append(utf8 scalar: Unicode.Scalar) {
        for byte in UTF8.encode(scalar).unsafelyUnwrapped { append(byte) }
    }

    var last: UInt8? { count > 0 ? memory[count - 1] : nil }

    func removeLast() {
        precondition(count > 0, "there is a byte to remove")
        count -= 1
    }

    /// The bytes from `start` on.
    package func bytes(from start: Int = 0) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: memory[start..<count])
    }

    private func grow(to byteCount: Int) {
        let larger = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(byteCount, 2 * memory.count), alignment: 16)
        larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[..<count]))
        memory.deallocate()
        memory = larger
    }
}
