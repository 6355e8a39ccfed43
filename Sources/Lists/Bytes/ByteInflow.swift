/// The bytes of a list in their order, decompressed where they are compressed.
final class ByteInflow {
    let file: ByteFile
    /// The kind of compression; `nil` where there is none.
    let compression: Compression?

    private let decompressor: (any Decompressor)?
    /// The bytes as they came. Without compression, only those that were looked at first.
    private let buffer: UnsafeMutableRawBufferPointer
    /// The part of `buffer` that is not handed on yet.
    private var input: UnsafeRawBufferPointer
    private var hasInputEnded = false
    /// The fault behind the bytes that were read.
    private var fault: DecompressionFault?

    /// Reads as far as it takes to tell the compression.
    ///
    /// - Parameter readBytes: The most bytes to read at once.
    init(_ file: ByteFile, readBytes: Int) throws(ListError) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(readBytes, Compression.beginningBytesMax), alignment: 16)
        var count = 0
        do throws(ListError) {
            // Of a pipe, no more is waited for than it takes.
            while Compression.mayBegin(with: .init(rebasing: buffer[..<count])) {
                let end = min(count + readBytes, buffer.count)
                let more = try file.read(into: .init(rebasing: buffer[count..<end]))
                if more == 0 { break }
                count += more
            }
            let input = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            compression = Compression(firstBytes: input)
            decompressor = try Self.decompressor(for: compression, of: file)
            self.input = input
        } catch {
            buffer.deallocate()
            throw error
        }
        self.file = file
        self.buffer = buffer
    }

    deinit { buffer.deallocate() }

    /// Reads some of the bytes that come next.
    ///
    /// - Parameter output: Not empty.
    /// - Returns: The number of bytes; 0 at the end.
    func read(into output: UnsafeMutableRawBufferPointer) throws(ListError) -> Int {
        guard let decompressor, let compression else { return try readPlain(into: output) }
        while true {
            if let fault {
                throw ListError(fault, compression, file.name, after: file.bytesRead - input.count)
            }
            if input.isEmpty && !hasInputEnded {
                let count = try file.read(into: buffer)
                hasInputEnded = count == 0
                input = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            }
            let left = input.count
            var (count, next) = decompressor.decode(&input, isLast: hasInputEnded, into: output)
            if count == 0, next == nil, !input.isEmpty, input.count == left { next = .damaged }
            fault = next
            if count > 0 { return count }
            if hasInputEnded, input.isEmpty, fault == nil {
                if decompressor.mayEnd { return 0 }
                throw ListError(
                    .damaged, file.name,
                    "ends in the middle of its \(compression) stream, after \(file.bytesRead) bytes"
                )
            }
        }
    }

    /// Goes to a byte of an uncompressed list without reading what lies before it.
    ///
    /// - Returns: Whether this was possible.
    func seek(to position: Int) -> Bool {
        guard compression == nil, file.seek(to: position) else { return false }
        input = UnsafeRawBufferPointer(rebasing: input[..<0])
        return true
    }

    private func readPlain(into output: UnsafeMutableRawBufferPointer) throws(ListError) -> Int {
        guard !input.isEmpty else { return try file.read(into: output) }
        let count = min(input.count, output.count)
        output.copyMemory(from: UnsafeRawBufferPointer(rebasing: input[..<count]))
        input = UnsafeRawBufferPointer(rebasing: input.dropFirst(count))
        return count
    }

    private static func decompressor(
        for compression: Compression?, of file: ByteFile
    ) throws(ListError) -> (any Decompressor)? {
        guard let compression else { return nil }
        do throws(DecompressionFault) {
            return try compression.makeDecompressor()
        } catch {
            throw ListError(error, compression, file.name, after: 0)
        }
    }
}

extension ListError {
    fileprivate init(
        _ fault: DecompressionFault, _ compression: Compression, _ name: String, after count: Int
    ) {
        switch fault {
        case .damaged:
            self.init(
                .damaged, name, "is damaged: its \(compression) stream is none at byte \(count)")
        case .followed:
            self.init(
                .damaged, name,
                "has bytes behind its \(compression) stream that belong to none, at byte \(count)")
        case .tooLarge:
            self.init(
                .tooLarge, name,
                "takes more than 128 MiB to decompress; compress it with a smaller window")
        case .unavailable:
            self.init(
                .tooLarge, name, "cannot be decompressed: there is no memory for \(compression)")
        }
    }
}
