internal import CZlib

/// Inflates gzip members.
///
/// zlib checks each member's header, its checksum and its length.
final class Gunzip: ByteSource {
    private let source: any ByteSource
    private let input = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 17, alignment: 16)
    // At one address for life: zlib keeps it, and checks it at each call.
    private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    private var isInMember = false
    /// The damage behind the bytes that could be inflated; `nil` while there is none.
    private var damage: Damage?

    init(_ source: any ByteSource) {
        self.source = source
        stream.initialize(to: z_stream())
        let result = inflate_init_gzip(stream)
        precondition(result == Z_OK, "zlib has no memory, or another version than its header")
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
        input.deallocate()
    }

    /// The offset in the file of the byte to be inflated next.
    var offset: Int { source.offset - Int(stream.pointee.avail_in) }

    /// Goes on to the next member once one has ended.
    ///
    /// - Returns: Whether there is a next member.
    func nextMember() throws(Damage) -> Bool {
        precondition(!isInMember, "a member is read to its end")
        guard try hasInput() else { return false }
        let result = inflateReset(stream)
        precondition(result == Z_OK, "a stream that was begun can begin again")
        isInMember = true
        return true
    }

    /// - Returns: 0 at the end of the member only.
    func readMember(into buffer: UnsafeMutableRawBufferPointer) throws(Damage) -> Int {
        if let damage { throw damage }
        stream.pointee.next_out = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(buffer.count)
        do throws(Damage) {
            while isInMember, stream.pointee.avail_out > 0 { try inflateSome() }
        } catch {
            damage = error
        }
        let count = buffer.count - Int(stream.pointee.avail_out)
        if let damage, count == 0 { throw damage }
        return count
    }

    private func inflateSome() throws(Damage) {
        guard try hasInput() else { throw Damage("ends within a gzip member") }
        let begin = offset
        switch inflate(stream, Z_NO_FLUSH) {
        case Z_OK: break
        case Z_STREAM_END: isInMember = false
        default:
            let reason = stream.pointee.msg.map { String(cString: $0) } ?? "no gzip"
            throw Damage("is damaged after byte \(begin) (\(reason))")
        }
    }

    /// Reads all members as one stream.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(Damage) -> Int {
        while true {
            if !isInMember, try !nextMember() { return 0 }
            let count = try readMember(into: buffer)
            if count > 0 { return count }
        }
    }

    private func hasInput() throws(Damage) -> Bool {
        guard stream.pointee.avail_in == 0 else { return true }
        let count = try source.read(into: input)
        stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_in = UInt32(count)
        return count > 0
    }
}
