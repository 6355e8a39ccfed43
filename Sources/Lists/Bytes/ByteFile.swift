internal import Glibc

/// The bytes of a list as they lie there or come, compressed or not.
final class ByteFile {
    let name: String
    /// The number of bytes from where reading began; `nil` when it cannot be known beforehand.
    let byteCount: Int?
    /// The number of bytes that were read, or skipped by `seek`.
    private(set) var bytesRead = 0

    /// The longest wait for bytes before `read` throws `waiting`, in ms; `nil` to wait for as long
    /// as it takes.
    var patienceMillis: Int32?

    /// The bytes of an origin; `nil` for those of a descriptor.
    private let stream: (any ByteStream)?
    /// -1 where the bytes are of an origin.
    private let descriptor: Int32
    private let isOurs: Bool
    /// The offset in the file of the list's first byte.
    private let base: Int

    init(_ source: ListSource) throws(ListError) {
        let name = source.name
        self.name = name
        let isOurs: Bool
        let descriptor: Int32
        switch source {
        case .file(let path):
            isOurs = true
            descriptor = open(path, O_RDONLY | O_CLOEXEC)
            if descriptor < 0 { throw ListError(errno: errno, name, while: "opened") }
        case .descriptor(let given, _):
            isOurs = false
            descriptor = given
        case .origin(let origin):
            let opened = try origin.open()
            stream = opened
            byteCount = opened.byteCount
            (self.descriptor, self.isOurs, base) = (-1, false, 0)
            return
        }
        var status = stat()
        let isKnown = fstat(descriptor, &status) == 0
        let number = errno
        let isFolder = status.st_mode & S_IFMT == S_IFDIR
        guard isKnown, !isFolder else {
            if isOurs { close(descriptor) }
            throw isKnown ? .isFolder(name) : ListError(errno: number, name, while: "read")
        }
        let offset = status.st_mode & S_IFMT == S_IFREG ? lseek(descriptor, 0, SEEK_CUR) : -1
        stream = nil
        self.isOurs = isOurs
        self.descriptor = descriptor
        base = max(offset, 0)
        byteCount = offset < 0 ? nil : max(Int(status.st_size) - offset, 0)
        // A hint alone; whether it was taken makes no difference.
        _ = posix_fadvise(descriptor, base, 0, POSIX_FADV_SEQUENTIAL)
    }

    deinit { if isOurs { close(descriptor) } }

    /// Whether the bytes are of an origin, not of a file or pipe.
    var isOfOrigin: Bool { stream != nil }

    /// The format that the list's origin tells; `nil` when it tells none.
    var toldFormat: ListFormat? { stream?.format }

    /// Reads some of the bytes that come next, and waits for them where they come by a pipe.
    ///
    /// - Returns: The number of bytes; 0 at the end.
    /// - Throws: `waiting` when none came for `patienceMillis`; then nothing was read.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(ListError) -> Int {
        if let stream {
            let count = try stream.read(into: buffer)
            bytesRead += count
            return count
        }
        while true {
            if let patienceMillis {
                var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                // An error of its own is told by the read.
                if poll(&wanted, 1, patienceMillis) == 0 {
                    throw ListError(.waiting, name, "has nothing to read at present")
                }
            }
            let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            if count >= 0 {
                bytesRead += count
                return count
            }
            switch errno {
            case EINTR: continue
            case EAGAIN:
                // Somebody made the descriptor one that does not wait.
                var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                _ = poll(&wanted, 1, -1)
            case let number:
                throw ListError(errno: number, name, while: "read after \(bytesRead) bytes")
            }
        }
    }

    /// Goes to a byte of the list, where this is possible without reading.
    ///
    /// - Returns: Whether it was.
    func seek(to position: Int) -> Bool {
        guard stream == nil, let byteCount, position <= byteCount,
            lseek(descriptor, base + position, SEEK_SET) >= 0
        else { return false }
        bytesRead = position
        return true
    }

    /// The most bytes at an end of the list that are hashed.
    private static let endBytesMax = 64 << 10

    /// - Parameter count: The bytes that count, from where reading begins; `nil` for all.
    func identity(byteCount count: Int?) throws(ListError) -> ListIdentity? {
        guard let byteCount = byteCount.map({ min($0, count ?? $0) }) else { return nil }
        let end = Self.endBytesMax
        var hash = FNV1a()
        try add(0..<min(end, byteCount), to: &hash)
        try add(max(end, byteCount - end)..<max(end, byteCount), to: &hash)
        return ListIdentity(name: name, byteCount: byteCount, endsHash: hash.value)
    }

    /// - Parameter count: The bytes to look at; `nil` for as many as there are, 64 KB at most.
    func beginning(byteCount count: Int?) throws(ListError) -> ListBeginning? {
        guard let byteCount else { return nil }
        let end = min(byteCount, min(count ?? .max, Self.endBytesMax))
        var hash = FNV1a()
        try add(0..<end, to: &hash)
        return ListBeginning(name: name, byteCount: end, hash: hash.value)
    }

    private func add(_ range: Range<Int>, to hash: inout FNV1a) throws(ListError) {
        var range = range
        var buffer = [UInt8](repeating: 0, count: range.count)
        while !range.isEmpty {
            let count = pread(descriptor, &buffer, range.count, base + range.lowerBound)
            if count < 0 && errno == EINTR { continue }
            if count < 0 { throw ListError(errno: errno, name, while: "read") }
            // Shorter than a moment ago: its size says so, too.
            if count == 0 { return }
            for byte in buffer[..<count] { hash.add(byte) }
            range = range.dropFirst(count)
        }
    }
}

/// - SeeAlso: <http://www.isthe.com/chongo/tech/comp/fnv/>
struct FNV1a {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func add(_ byte: UInt8) { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
}
