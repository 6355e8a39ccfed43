import Glibc

/// A socket at a port of this machine, for its user to close.
public struct BoundSocket: Sendable {
    public let descriptor: Int32
    public let port: Int

    public enum Reach: Sendable {
        /// 127.0.0.1.
        case loopback
        /// All addresses, of IPv4 and IPv6.
        case all
    }

    /// - Parameter port: 0: one that is free.
    /// - Parameter isShared: Whether others may be at the same port.
    public init(
        port: Int = 0, at reach: Reach = .loopback, isUDP: Bool = false, isShared: Bool = false
    ) {
        let isIPv4 = reach == .loopback
        let kind = isUDP ? SOCK_DGRAM : SOCK_STREAM
        descriptor = socket(
            isIPv4 ? AF_INET : AF_INET6, Int32(kind.rawValue | SOCK_CLOEXEC.rawValue), 0)
        if isShared {
            var isOn: Int32 = 1
            let size = socklen_t(MemoryLayout<Int32>.size)
            precondition(setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &isOn, size) == 0)
        }
        // The port lies in the same place of both.
        var address = sockaddr_in6()
        address.sin6_port = UInt16(port).bigEndian
        if isIPv4 {
            withUnsafeMutablePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                    $0.pointee.sin_family = sa_family_t(AF_INET)
                    $0.pointee.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
                }
            }
        } else {
            address.sin6_family = sa_family_t(AF_INET6)
        }
        var length = socklen_t(
            isIPv4 ? MemoryLayout<sockaddr_in>.size : MemoryLayout<sockaddr_in6>.size)
        let descriptor = descriptor
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                precondition(bind(descriptor, $0, length) == 0)
                precondition(getsockname(descriptor, $0, &length) == 0)
            }
        }
        self.port = Int(UInt16(bigEndian: address.sin6_port))
    }

    /// - Parameter backlog: How many connections may wait to be taken.
    public func listening(backlog: Int32) -> BoundSocket {
        precondition(listen(descriptor, backlog) == 0)
        return self
    }
}
