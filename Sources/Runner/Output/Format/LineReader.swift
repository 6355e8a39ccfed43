internal import Glibc

/// Cuts bytes into lines, in a buffer that does not grow.
struct LineReader: ~Copyable {
    /// The bytes that are kept at each end of a line that does not fit the buffer.
    private static let endBytes = 4096

    private let source: any ByteSource
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
    /// The part of the buffer that was read and is in no line yet.
    private var rest = 0..<0
    /// The number of lines so far.
    private(set) var count = 0

    init(_ source: any ByteSource) { self.source = source }

    deinit { buffer.deallocate() }

    /// The next line with its line feed. Of a line of more than 256 KB, at least the first and last
    /// 4 KB are there, and only part of what is between them.
    ///
    /// - Returns: `nil` at the end. The bytes are valid until the next call.
    mutating func next() throws(Damage) -> UnsafeRawBufferPointer? {
        var searched = rest.lowerBound
        while true {
            let base = UnsafeMutableRawPointer(buffer.baseAddress!)
            if let feed = memchr(base + searched, 0x0A, rest.upperBound - searched) {
                let end = feed - base + 1
                let line = rest.lowerBound..<end
                rest = end..<rest.upperBound
                count += 1
                return UnsafeRawBufferPointer(rebasing: buffer[line])
            }
            makeRoom()
            searched = rest.upperBound
            let free = UnsafeMutableRawBufferPointer(rebasing: buffer[rest.upperBound...])
            let read = try source.read(into: free)
            guard read > 0 else {
                guard rest.isEmpty else { throw Damage("ends within a line") }
                return nil
            }
            rest = rest.lowerBound..<rest.upperBound + read
        }
    }

    /// Moves `rest` to the buffer's beginning. If it fills the buffer, its middle is dropped.
    private mutating func makeRoom() {
        let begin = buffer.baseAddress!
        if rest.count == buffer.count {
            memmove(begin + Self.endBytes, begin + buffer.count - Self.endBytes, Self.endBytes)
            rest = 0..<2 * Self.endBytes
        } else {
            memmove(begin, begin + rest.lowerBound, rest.count)
            rest = 0..<rest.count
        }
    }
}
