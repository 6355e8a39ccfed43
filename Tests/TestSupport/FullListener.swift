import Glibc

/// A loopback port that listens but takes no more connections: they neither open nor fail.
public final class FullListener: Sendable {
    public let port: Int
    private let descriptors: [Int32]

    public init() {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                precondition(bind(listener, address, length) == 0 && listen(listener, 0) == 0)
                precondition(getsockname(listener, address, &length) == 0)
                // With a backlog of 0 Linux keeps one connection that nobody accepts.
                precondition(connect(client, address, length) == 0)
            }
        }
        port = Int(UInt16(bigEndian: address.sin_port))
        descriptors = [listener, client]
    }

    deinit { for descriptor in descriptors { close(descriptor) } }
}
