internal import CAres
internal import Glibc

/// Where names are looked up, as an event loop sees it: sockets to poll for c-ares.
protocol LookupSockets: AnyObject {
    /// Has `AresLookups.ready` called when the descriptor can be read or written; neither: no more.
    func watch(_ descriptor: Int32, reads: Bool, writes: Bool)
}

/// Name servers asked by c-ares over an event loop's own epoll: no thread, nothing that blocks.
///
/// c-ares takes servers, search domains and options from `/etc/resolv.conf`, and names from
/// `/etc/hosts` first, as `nsswitch.conf` says.
final class AresLookups: NameSource {
    /// c-ares's own tree of lookups and sockets. Its servers cannot be changed while lookups are
    /// under way, so a change makes a new one, and the old one goes when its last lookup ends.
    private final class Channel {
        let handle: ares_channel
        var underWay = 0
        /// The servers in the order they are asked, as `ares_set_servers_ports_csv` takes them.
        let servers: [String]

        init(_ handle: ares_channel, servers: [String]) {
            self.handle = handle
            self.servers = servers
        }

        deinit { ares_destroy(handle) }
    }

    /// A lookup, as its callback gets it back.
    private final class Lookup {
        let channel: Channel
        let owner: AresLookups
        let told: (NameAnswer, Int) -> Void

        init(_ channel: Channel, _ owner: AresLookups, _ told: @escaping (NameAnswer, Int) -> Void)
        {
            self.channel = channel
            self.owner = owner
            self.told = told
        }
    }

    private weak let sockets: (any LookupSockets)?
    private let fixedServers: String?
    private let configuration: String
    private var current: Channel?
    private var retired: [Channel] = []
    private var nextTickMicros = Int.max
    private var underWay = 0
    private var nextLookMicros = 0
    private var stamp = FileStamp()

    /// How long c-ares waits for a server before it asks the next; doubled with each round.
    private static let serverMillis: Int32 = 2000
    /// Rounds through all servers.
    private static let rounds: Int32 = 2
    /// How often timeouts of c-ares are looked at.
    private static let tickMicros = 50_000
    /// How often the configuration's file is looked at.
    private static let lookMicros = 1_000_000
    /// More than a run has workers: those that nobody waits for any more are among them.
    private static let underWayMax = 20_000
    /// As many addresses of a name are tried.
    private static let addressesMax = 16

    /// - Parameters:
    ///   - servers: `host[:port]` with commas between, instead of those of the configuration.
    ///   - configuration: The file that names servers and search domains.
    init(
        _ sockets: any LookupSockets, servers: String? = nil,
        configuration: String = "/etc/resolv.conf"
    ) {
        Self.initializeLibrary
        self.sockets = sockets
        fixedServers = servers
        self.configuration = configuration
    }

    private static let initializeLibrary: Void = { _ = ares_library_init(ARES_LIB_INIT_ALL) }()

    /// Whether a text names servers.
    static func areServers(_ text: String) -> Bool {
        initializeLibrary
        var handle: ares_channel?
        guard !text.isEmpty, ares_init(&handle) == ARES_SUCCESS, let handle else {
            return false
        }
        defer { ares_destroy(handle) }
        return ares_set_servers_ports_csv(handle, text) == ARES_SUCCESS
    }

    // MARK: - Lookups

    func ask(_ name: String, told: @escaping (NameAnswer, Int) -> Void) {
        let now = Now.read().monotonicMicros
        followConfiguration(atMicros: now)
        guard underWay < Self.underWayMax else {
            return told(.trouble("too many lookups are under way"), 0)
        }
        guard let channel = current ?? makeChannel(fixedServers) else {
            return told(.trouble("c-ares cannot be set up: \(lastError)"), 0)
        }
        current = channel
        channel.underWay += 1
        underWay += 1
        nextTickMicros = min(nextTickMicros, now + Self.tickMicros)
        var hints = ares_addrinfo_hints()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(stream_socket)
        // Retained until the callback, which c-ares calls once for each lookup, in `ares_destroy`
        // at the latest.
        let lookup = Unmanaged.passRetained(Lookup(channel, self, told)).toOpaque()
        ares_getaddrinfo(
            channel.handle, name, nil, &hints,
            { lookup, status, timeouts, result in
                let lookup = Unmanaged<Lookup>.fromOpaque(lookup!).takeRetainedValue()
                lookup.owner.ended(lookup, status, timeouts: Int(timeouts), result)
                if let result { ares_freeaddrinfo(result) }
            }, lookup)
    }

    private func ended(
        _ lookup: Lookup, _ status: Int32, timeouts: Int,
        _ result: UnsafeMutablePointer<ares_addrinfo>?
    ) {
        lookup.channel.underWay -= 1
        underWay -= 1
        switch status {
        case ARES_SUCCESS:
            let (text, ttl) = Self.addresses(of: result)
            lookup.told(text.isEmpty ? .noSuchName : .addresses(text), ttl)
            if timeouts > 0 { putBehind(timeouts, in: lookup.channel) }
        case ARES_ENODATA, ARES_ENOTFOUND, ARES_ENONAME, ARES_EBADNAME:
            lookup.told(.noSuchName, 0)
            if timeouts > 0 { putBehind(timeouts, in: lookup.channel) }
        default:
            lookup.told(.trouble(String(cString: ares_strerror(status))), 0)
        }
    }

    private static func addresses(
        of result: UnsafeMutablePointer<ares_addrinfo>?
    ) -> (text: String, ttlSeconds: Int) {
        var texts: [String] = []
        var ttl = Int.max
        var next = result?.pointee.nodes
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 48) { text in
            while let node = next, texts.count < addressesMax {
                next = node.pointee.ai_next
                ttl = min(ttl, Int(node.pointee.ai_ttl))
                guard ares_address_text(node, text.baseAddress) != 0 else { continue }
                texts.append(String(cString: text.baseAddress!))
            }
        }
        return (texts.joined(separator: ","), ttl)
    }

    // MARK: - Servers

    /// Asks servers that let a lookup time out after the others from now on: c-ares 1.18 begins each
    /// lookup with the first, so that a dead one would cost its timeout each time.
    private func putBehind(_ timeouts: Int, in channel: Channel) {
        let servers = channel.servers
        guard channel === current, servers.count > 1, timeouts < servers.count else { return }
        let order = servers[timeouts...] + servers[..<timeouts]
        guard let next = makeChannel(order.joined(separator: ",")) else { return }
        retire(channel)
        current = next
    }

    private func retire(_ channel: Channel) {
        retired.append(channel)
        if current === channel { current = nil }
    }

    /// Starts anew when the configuration is another than it was: a laptop changes its network, a
    /// container its servers.
    private func followConfiguration(atMicros now: Int) {
        guard now >= nextLookMicros else { return }
        nextLookMicros = now + Self.lookMicros
        let found = FileStamp(of: configuration)
        guard found != stamp else { return }
        stamp = found
        if let current { retire(current) }
    }

    private var lastError = ""

    private func makeChannel(_ servers: String?) -> Channel? {
        var options = ares_options()
        var given = ARES_OPT_SOCK_STATE_CB | ARES_OPT_RESOLVCONF
        // Unretained: its channels go before this object does.
        options.sock_state_cb_data = Unmanaged.passUnretained(self).toOpaque()
        options.sock_state_cb = { owner, descriptor, reads, writes in
            Unmanaged<AresLookups>.fromOpaque(owner!).takeUnretainedValue().sockets?.watch(
                descriptor, reads: reads != 0, writes: writes != 0)
        }
        let text = Self.contents(of: configuration)
        if !text.contains("timeout:") {
            options.timeout = Self.serverMillis
            given |= ARES_OPT_TIMEOUTMS
        }
        if !text.contains("attempts:") {
            options.tries = Self.rounds
            given |= ARES_OPT_TRIES
        }
        var handle: ares_channel?
        let result = configuration.withCString { path in
            options.resolvconf_path = UnsafeMutablePointer(mutating: path)
            return ares_init_options(&handle, &options, given)
        }
        guard result == ARES_SUCCESS, let handle else {
            lastError = String(cString: ares_strerror(result))
            return nil
        }
        if let servers { _ = ares_set_servers_ports_csv(handle, servers) }
        return Channel(handle, servers: Self.servers(of: handle))
    }

    private static func servers(of handle: ares_channel) -> [String] {
        var first: UnsafeMutablePointer<ares_addr_port_node>?
        guard ares_get_servers_ports(handle, &first) == ARES_SUCCESS else { return [] }
        defer { ares_free_data(first) }
        var servers: [String] = []
        var next = first
        while let node = next?.pointee {
            next = node.next
            let port = node.udp_port == 0 ? 53 : node.udp_port
            withUnsafeTemporaryAllocation(of: CChar.self, capacity: 48) { text in
                var node = node
                guard inet_ntop(node.family, &node.addr, text.baseAddress, 48) != nil else {
                    return
                }
                let address = String(cString: text.baseAddress!)
                servers.append(
                    node.family == AF_INET6 ? "[\(address)]:\(port)" : "\(address):\(port)")
            }
        }
        return servers
    }

    private static func contents(of path: String) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { Glibc.close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 16_384)
        let count = read(descriptor, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }

    // MARK: - Sockets and time

    /// The descriptor can be read or written.
    func ready(_ descriptor: Int32, reads: Bool, writes: Bool) {
        for channel in channels {
            // One that is not a channel's own is not found there.
            ares_process_fd(
                channel.handle, reads ? descriptor : socketBad,
                writes ? descriptor : socketBad)
        }
        dropEnded()
    }

    private var channels: [Channel] { (current.map { [$0] } ?? []) + retired }

    var deadlineMicros: Int { underWay == 0 ? .max : nextTickMicros }

    func tick(at now: Now) {
        nextTickMicros = now.monotonicMicros + Self.tickMicros
        for channel in channels where channel.underWay > 0 {
            ares_process_fd(channel.handle, socketBad, socketBad)
        }
        dropEnded()
    }

    /// Ends all lookups; those who wait are told trouble.
    func close() {
        for channel in channels { ares_cancel(channel.handle) }
        (current, retired) = (nil, [])
    }

    private func dropEnded() {
        if !retired.isEmpty { retired.removeAll { $0.underWay == 0 } }
    }
}

/// ARES_SOCKET_BAD, a macro Swift does not import.
private let socketBad: Int32 = -1
