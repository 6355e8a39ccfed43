internal import Foundation
import Glibc
internal import Synchronization

/// A loopback port that gives every request the same bytes and keeps what was asked.
public final class OneAnswerServer: Sendable {
    public let port: Int
    private let listener: Int32
    private let asked = Mutex<[String]>([])

    /// - Parameter answer: As it goes over the wire; the connection is closed after it.
    public init(answer: String) {
        let bound = BoundSocket().listening(backlog: 16)
        let listener = bound.descriptor
        (port, self.listener) = (bound.port, listener)
        let thread = Thread { [weak self] in
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else {
                    // Shut down. Closed here, not by whoever shuts it down: the number may be
                    // another server's by the time that this thread accepts.
                    close(listener)
                    return
                }
                let request = Self.request(from: connection)
                self?.asked.withLock { $0.append(request) }
                let bytes = Array(answer.utf8)
                _ = write(connection, bytes, bytes.count)
                close(connection)
            }
        }
        thread.start()
    }

    deinit { shutdown(listener, Int32(SHUT_RDWR)) }

    /// The heads of the requests so far, each with the empty line at its end.
    public var requests: [String] { asked.withLock { $0 } }

    private static func request(from connection: Int32) -> String {
        var text = ""
        var buffer = [UInt8](repeating: 0, count: 4096)
        while !text.hasSuffix("\r\n\r\n") {
            let count = read(connection, &buffer, buffer.count)
            if count <= 0 { break }
            text += String(decoding: buffer[..<count], as: UTF8.self)
        }
        return text
    }
}
