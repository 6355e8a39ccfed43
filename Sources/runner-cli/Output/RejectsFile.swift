import ArgumentParser
import Glibc
import Runner

/// The file that rejected lines are written to: number, reason and beginning, with tabs between. It
/// has the lines as they are, passwords included: it is for whoever mends the list.
final class RejectsFile {
    private let path: String
    private let descriptor: Int32
    private var buffer: [UInt8] = []

    /// - Parameter appends: Whether what the file holds is kept: the lines of a list that is gone on
    ///   with.
    init(_ path: String, appends: Bool = false) throws {
        self.path = path
        let mode = appends ? O_APPEND : O_TRUNC
        descriptor = open(path, O_WRONLY | O_CREAT | mode | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw unwritable }
    }

    deinit { _ = Glibc.close(descriptor) }

    private var unwritable: ValidationError {
        ValidationError(
            "--rejects \(path) cannot be written (\(String(cString: strerror(errno)))); name another file"
        )
    }

    func write(_ rejection: ListImporter.Rejection) throws {
        let excerpt = Terminal.escaped(String(decoding: rejection.excerpt, as: UTF8.self))
        buffer +=
            "\(rejection.place)\t\(rejection.reason)\t\(excerpt)\n".utf8
        if buffer.count >= 64 << 10 { try flush() }
    }

    /// Writes what was kept in memory so far.
    func flush() throws {
        var start = 0
        while start < buffer.count {
            let count = buffer.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress! + start, $0.count - start)
            }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw unwritable }
            start += count
        }
        buffer.removeAll(keepingCapacity: true)
    }
}
