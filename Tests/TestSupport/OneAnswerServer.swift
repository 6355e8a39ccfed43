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
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                precondition(bind(listener, address, length) == 0 && listen(listener, 16) == 0)
                precondition(getsockname(listener, address, &length) == 0)
            }
        }
        port = Int(UInt16(bigEndian: address.sin_port))
        self.listener = listener
        let thread = Thread { [weak self] in
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else { return }  // shut down
                let request = Self.request(from: connection)
                self?.asked.withLock { $0.append(request) }
                let bytes = Array(answer.utf8)
                _ = write(connection, bytes, bytes.count)
                close(connection)
            }
        }
        thread.start()
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

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
