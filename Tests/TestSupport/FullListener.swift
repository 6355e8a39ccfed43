import Glibc

/// A loopback port that listens but takes no more connections: they neither open nor fail.
public final class FullListener: Sendable {
    public let port: Int
    private let descriptors: [Int32]

    public init() {
        // With a backlog of 0 Linux keeps one connection that nobody accepts.
        let bound = BoundSocket().listening(backlog: 0)
        let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        address.sin_port = UInt16(bound.port).bigEndian
        withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                precondition(
                    connect(client, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0)
            }
        }
        port = bound.port
        descriptors = [bound.descriptor, client]
    }

    deinit { for descriptor in descriptors { close(descriptor) } }
}
