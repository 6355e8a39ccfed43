internal import Glibc
internal import JobStore

/// A response as a process gets it: one line of JSON, and a file if its body is large.
struct ResponseLine: Sendable {
    /// The number that the answer names.
    let number: Int
    let bytes: [UInt8]
    let file: BodyFile?

    /// - Parameter lineBodyBytesMax: The most bytes of a body that is part of the line.
    /// - Throws: `HandlerError` when the body cannot be read, or its file cannot be written.
    init(_ number: Int, _ record: Record, lineBodyBytesMax: Int) throws(HandlerError) {
        self.number = number
        var line: [UInt8] = []
        line.reserveCapacity(512 + Self.byteCount(record, lineBodyBytesMax: lineBodyBytesMax))
        line.append("{\"request\":")
        line.append(decimal: number)
        line.append(",")
        do throws(SinkError) {
            try record.appendJSONFacts(to: &line)
            if !record.isAnswered {
                file = nil
            } else if record.capture.body.count <= lineBodyBytesMax {
                try record.appendJSONBody(to: &line) { _ in }
                file = nil
            } else {
                let file = try BodyFile(record)
                line.append(",\"body_file\":\"")
                line.append(contentsOf: file.path.utf8)
                line.append("\"")
                self.file = file
            }
        } catch {
            throw HandlerError(
                "no response can be given to the handler: \(error.description)", .run)
        }
        line.append("}\n")
        bytes = line
    }

    /// About how many bytes a response's line has.
    static func byteCount(_ record: Record, lineBodyBytesMax: Int) -> Int {
        let body = record.capture.body.count
        return 1024 + record.capture.head.count + (body <= lineBodyBytesMax ? body : 0)
    }
}

/// A body as a file, for a process to read.
///
/// The file has no name, and is reached through this process: it goes with the object, or with the
/// process, however that ends.
final class BodyFile: Sendable {
    private let descriptor: Int32

    var path: String { "/proc/\(getpid())/fd/\(descriptor)" }

    /// - Throws: `SinkError` when the body cannot be read, or the file cannot be made or written.
    init(_ record: Record) throws(SinkError) {
        let folder = temporaryFolder
        func failed(_ error: Errno) -> SinkError {
            SinkError(
                error == Errno(ENOSPC) ? .full : .io,
                "a body of \(record.capture.body.count) bytes cannot be written to a file in \(folder): \(error); make room or name another folder in TMPDIR and run again: nothing marked is lost"
            )
        }
        let parent = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard parent >= 0 else { throw failed(Errno(errno)) }
        defer { close(parent) }
        do throws(Errno) { descriptor = try Spool.make(in: parent) } catch { throw failed(error) }
        try record.capture.body.forEachPiece(of: record) { piece throws(SinkError) in
            do throws(Errno) { try write(piece) } catch { throw failed(error) }
        }
    }

    deinit { close(descriptor) }

    private func write(_ bytes: UnsafeRawBufferPointer) throws(Errno) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = UnsafeRawBufferPointer(rebasing: rest)
            let count = Glibc.write(descriptor, piece.baseAddress, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Errno(count < 0 ? errno : ENOSPC) }
            rest = rest.dropFirst(count)
        }
    }
}

/// Makes lines of responses that are on disk, or have to be: on a thread that may wait for it.
actor ResponseLineWriter {
    private let thread = BlockingThread()

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    /// The `errno` with which the system refused the thread; then nothing may be asked.
    nonisolated var startFailure: Errno? { thread.startFailure.map { Errno($0) } }

    deinit { thread.stop() }

    func line(
        _ number: Int, _ record: Record, lineBodyBytesMax: Int
    ) throws(HandlerError) -> ResponseLine {
        try ResponseLine(number, record, lineBodyBytesMax: lineBodyBytesMax)
    }
}
