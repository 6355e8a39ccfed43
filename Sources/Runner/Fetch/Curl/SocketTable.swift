internal import Glibc

/// The sockets of a loop by descriptor: the shard that owns each, the events that epoll has
/// registered, and whether libcurl still listens.
struct SocketTable {
    private struct Entry {
        /// Unretained: with a shard its connections end, and so their entries.
        var shard: Unmanaged<Shard>?
        var registered: UInt32 = 0
        var isListening = false
        /// Whether `EventLoop` opened the socket. libcurl tells when it closes such a socket,
        /// unless it was never connected.
        var isConnection = false
        /// The local port; 0 while it is not known.
        var port: UInt16 = 0
        /// The descriptor of the next connection from the same port, to another server; -1 when
        /// there is none.
        var nextFromPort: Int32 = -1
    }

    private var entries = [Entry](repeating: Entry(), count: 256)
    /// The first connection from each local port.
    private var connections: [UInt16: Int32] = [:]
    /// Connections that have not been asked for their local port: a connection gets it when it
    /// connects.
    private var unbound: [Int32] = []

    /// The shard that waits for events of `descriptor`; `nil` when none does.
    func listener(of descriptor: Int32) -> Shard? {
        let entry = entries[Int(descriptor)]
        return entry.isListening ? entry.shard?.takeUnretainedValue() : nil
    }

    func isConnection(_ descriptor: Int32) -> Bool { entries[Int(descriptor)].isConnection }

    /// Calls `body` for each connection from a local port on which libcurl waits for nothing.
    /// Connections to different servers may share a port.
    mutating func forEachIdleConnection(fromPort port: UInt16, _ body: (Int32) -> Void) {
        forEachConnection(fromPort: port) { descriptor, isListening in
            if !isListening { body(descriptor) }
        }
    }

    mutating func isInUse(port: UInt16) -> Bool {
        var isInUse = false
        forEachConnection(fromPort: port) { _, isListening in isInUse = isInUse || isListening }
        return isInUse
    }

    private mutating func forEachConnection(
        fromPort port: UInt16, _ body: (_ descriptor: Int32, _ isListening: Bool) -> Void
    ) {
        askForPorts()
        var descriptor = connections[port] ?? -1
        while descriptor >= 0 {
            let entry = entries[Int(descriptor)]
            body(descriptor, entry.isListening)
            descriptor = entry.nextFromPort
        }
    }

    private mutating func askForPorts() {
        guard !unbound.isEmpty else { return }
        for descriptor in unbound {
            let i = Int(descriptor)
            // Closed, and perhaps opened anew, since it was noted.
            guard entries[i].isConnection, entries[i].port == 0 else { continue }
            let port = Self.localPort(of: descriptor)
            guard port != 0 else { continue }
            entries[i].port = port
            entries[i].nextFromPort = connections[port] ?? -1
            connections[port] = descriptor
        }
        unbound.removeAll(keepingCapacity: true)
    }

    /// The local port of a socket; 0 when it has none.
    private static func localPort(of descriptor: Int32) -> UInt16 {
        // Read as bytes: which module has the fields of an address depends on what was built before.
        // The port follows the family, in IPv4 and IPv6.
        withUnsafeTemporaryAllocation(of: sockaddr_in6.self, capacity: 1) { address in
            let bytes = UnsafeMutableRawBufferPointer(address)
            var length = socklen_t(bytes.count)
            let name = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self)
            guard getsockname(descriptor, name, &length) == 0 else { return 0 }
            let port = bytes.loadUnaligned(
                fromByteOffset: MemoryLayout<sa_family_t>.size, as: UInt16.self)
            return UInt16(bigEndian: port)
        }
    }

    private mutating func forgetPort(of descriptor: Int32) {
        let entry = entries[Int(descriptor)]
        guard entry.port != 0 else { return }
        guard var other = connections[entry.port], other != descriptor else {
            connections[entry.port] = entry.nextFromPort < 0 ? nil : entry.nextFromPort
            return
        }
        while entries[Int(other)].nextFromPort != descriptor {
            other = entries[Int(other)].nextFromPort
        }
        entries[Int(other)].nextFromPort = entry.nextFromPort
    }

    /// Notes that a shard listens for events of a descriptor.
    ///
    /// - Returns: The events registered with epoll before; 0 when epoll does not know the
    ///   descriptor.
    mutating func listen(to descriptor: Int32, events: UInt32, _ shard: Shard) -> UInt32 {
        grow(to: descriptor)
        askForPorts()
        let i = Int(descriptor)
        defer { entries[i].registered = events }
        entries[i].shard = Unmanaged.passUnretained(shard)
        entries[i].isListening = true
        return entries[i].registered
    }

    mutating func ignore(_ descriptor: Int32) {
        grow(to: descriptor)
        entries[Int(descriptor)].isListening = false
    }

    mutating func unregister(_ descriptor: Int32) { entries[Int(descriptor)].registered = 0 }

    mutating func open(_ descriptor: Int32) {
        grow(to: descriptor)
        forgetPort(of: descriptor)
        entries[Int(descriptor)] = Entry(isConnection: true)
        unbound.append(descriptor)
    }

    mutating func close(_ descriptor: Int32) {
        grow(to: descriptor)
        forgetPort(of: descriptor)
        entries[Int(descriptor)] = Entry()
    }

    private mutating func grow(to descriptor: Int32) {
        while entries.count <= Int(descriptor) {
            entries.append(contentsOf: repeatElement(Entry(), count: entries.count))
        }
    }
}
