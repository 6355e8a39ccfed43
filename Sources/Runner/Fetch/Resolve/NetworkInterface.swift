internal import CAres
internal import Glibc

/// The interface, or the address of this machine, that connections go out from.
public struct NetworkInterface: Sendable, Equatable {
    /// The reason why connections cannot go out from where they are to. The description is the end
    /// of a sentence that begins with the text.
    public struct Fault: Error, Sendable, Equatable, CustomStringConvertible {
        public let description: String
    }

    /// A socket address of port 0.
    private struct Address: Equatable {
        let family: Int32
        let bytes: [UInt8]
    }

    /// The interface that sockets are bound to; `nil` where they are bound to addresses.
    private let device: String?
    private let addresses: [Address]

    /// Takes an interface's name, or an address of this machine.
    ///
    /// - Throws: `Fault` when this machine has no such interface or address, or does not let its
    ///   user bind sockets to it.
    public init(_ text: String) throws(Fault) {
        if let address = Self.address(text) {
            (device, addresses) = (nil, [address])
        } else if !text.utf8.contains(0), if_nametoindex(text) != 0 {
            let isBindable = Self.canBind(toDevice: text)
            device = isBindable ? text : nil
            // Linux before 5.7 lets only privileged users bind to an interface.
            addresses = isBindable ? [] : Self.addresses(ofDevice: text)
            if !isBindable, addresses.isEmpty { throw Fault(description: "has no address") }
        } else {
            throw Fault(description: "is neither an interface nor an address of this machine")
        }
        for address in addresses { try check(address) }
    }

    private static func address(_ text: String) -> Address? {
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST
        hints.ai_socktype = Int32(stream_socket)
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(text, nil, &hints, &found) == 0, let found else { return nil }
        defer { freeaddrinfo(found) }
        return Address(
            family: found.pointee.ai_family,
            bytes: Array(
                UnsafeRawBufferPointer(
                    start: found.pointee.ai_addr, count: Int(found.pointee.ai_addrlen))))
    }

    private static func addresses(ofDevice name: String) -> [Address] {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&first) == 0 else { return [] }
        defer { freeifaddrs(first) }
        return sequence(first: first) { $0?.pointee.ifa_next }.prefix { $0 != nil }.compactMap {
            guard let entry = $0?.pointee, let address = entry.ifa_addr,
                String(cString: entry.ifa_name) == name
            else { return nil }
            // Read as bytes: which module has the fields of `sockaddr` depends on what was built
            // before. The family comes first in every address of Linux.
            let family = Int32(UnsafeRawPointer(address).load(as: sa_family_t.self))
            guard family == AF_INET || family == AF_INET6 else { return nil }
            let size =
                family == AF_INET
                ? MemoryLayout<sockaddr_in>.size : MemoryLayout<sockaddr_in6>.size
            return Address(
                family: family,
                bytes: Array(UnsafeRawBufferPointer(start: address, count: size)))
        }
    }

    private static func withSocket<T>(_ family: Int32, _ body: (Int32) -> T) -> T {
        let descriptor = socket(family, Int32(stream_socket | close_on_exec), 0)
        defer { if descriptor >= 0 { close(descriptor) } }
        return body(descriptor)
    }

    private static func canBind(toDevice name: String) -> Bool {
        withSocket(AF_INET) { bind($0, toDevice: name) }
    }

    private func check(_ address: Address) throws(Fault) {
        let error = Self.withSocket(address.family) { bind($0, address.family) ? 0 : errno }
        guard error != 0 else { return }
        throw Fault(
            description: error == EADDRNOTAVAIL
                ? "is no address of this machine"
                : "cannot be sent from: \(String(cString: strerror(error)))")
    }

    // MARK: - Sockets

    /// Binds a new socket, so that its connection goes out from here.
    ///
    /// - Returns: Whether it is bound; otherwise `errno` says why not, `EAFNOSUPPORT` where there
    ///   is no address of the socket's family.
    func bind(_ descriptor: Int32, _ family: Int32) -> Bool {
        if let device { return Self.bind(descriptor, toDevice: device) }
        guard let address = addresses.first(where: { $0.family == family }) else {
            errno = EAFNOSUPPORT
            return false
        }
        // The port is chosen as the socket connects: then it may be shared by connections to
        // different servers. IP_BIND_ADDRESS_NO_PORT is a macro Swift does not import.
        var isOn: Int32 = 1
        _ = setsockopt(
            descriptor, Int32(IPPROTO_IP), 24, &isOn, socklen_t(MemoryLayout<Int32>.size))
        return address.bytes.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return false }
            return Glibc.bind(
                descriptor, start.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
                == 0
        }
    }

    private static func bind(_ descriptor: Int32, toDevice name: String) -> Bool {
        setsockopt(
            descriptor, SOL_SOCKET, SO_BINDTODEVICE, name, socklen_t(name.utf8.count + 1)) == 0
    }
}
