internal import CAres
internal import Glibc

/// An event loop as lookups see it: polls sockets for c-ares.
protocol LookupSockets: AnyObject {
    /// Makes the loop call `AresLookups.ready` when the descriptor can be read or written, as asked
    /// for. When neither is asked for, the descriptor is watched no more.
    func watch(_ descriptor: Int32, reads: Bool, writes: Bool)
}

/// Asks name servers by c-ares over an event loop's own epoll, with no thread and without blocking.
///
/// c-ares takes servers, search domains and options from `/etc/resolv.conf`. Names in `/etc/hosts`
/// are not asked for.
final class AresLookups: NameSource {
    /// c-ares's own tree of lookups and sockets. The servers of a channel cannot be changed while
    /// lookups are under way. So a change makes a new channel, and the old one goes when its last
    /// lookup ends.
    private final class Channel {
        let handle: ares_channel
        var underWay = 0
        /// The number of lookups in a row for which a server timed out before another one answered.
        var lateInRow = 0
        /// The servers in the order they are asked, as `ares_set_servers_ports_csv` takes them.
        let servers: [String]

        init(_ handle: ares_channel, servers: [String]) {
            self.handle = handle
            self.servers = servers
        }

        deinit { ares_destroy(handle) }
    }

    /// The lookup of one name: for addresses of both families, and if that does not end well or
    /// soon, for those of IPv4 alone as well.
    private final class Lookup {
        let name: String
        let startedMicros: Int
        /// Gets the answer; `nil` once it was called.
        private var told: ((NameAnswer, Int) -> Void)?
        var isAskedForIPv4 = false
        var isLate = false
        var underWay = 0
        var trouble: String?
        var isTold: Bool { told == nil }

        init(_ name: String, atMicros now: Int, _ told: @escaping (NameAnswer, Int) -> Void) {
            self.name = name
            startedMicros = now
            self.told = told
        }

        func tell(_ answer: NameAnswer, ttlSeconds: Int = 0) {
            let told = told
            self.told = nil
            told?(answer, ttlSeconds)
        }
    }

    /// A question that c-ares was asked, in the form that its callback gets back.
    private final class Question {
        let lookup: Lookup
        let family: Int32
        let channel: Channel
        let owner: AresLookups

        init(_ lookup: Lookup, _ family: Int32, _ channel: Channel, _ owner: AresLookups) {
            self.lookup = lookup
            self.family = family
            self.channel = channel
            self.owner = owner
        }
    }

    private weak let sockets: (any LookupSockets)?
    private let fixedServers: String?
    private let configuration: String
    private let hosts: HostsFile
    private let family: AddressFamily
    private var current: Channel?
    private var retired: [Channel] = []
    private var nextTickMicros = Int.max
    private var underWay = 0
    /// Lookups that were not late when they were last looked at, in the order they started.
    private var recent: [Lookup] = []
    private var nextLookMicros = 0
    private var stamp = FileStamp()

    /// The time in ms that c-ares waits for a server before it asks the next; doubled with each
    /// round.
    private static let serverMillis: Int32 = 2000
    /// The number of rounds through all servers.
    private static let rounds: Int32 = 2
    /// The interval in µs at which timeouts of c-ares are looked at.
    private static let tickMicros = 50_000
    /// The interval in µs at which the configuration file is looked at.
    private static let lookMicros = 1_000_000
    /// The most lookups under way: more than a run has workers, because lookups that no client
    /// waits for any more are counted, too.
    private static let underWayMax = 20_000
    /// The time in µs after which a lookup is late.
    private static let lateMicros = 1_000_000
    /// The most late lookups that are dealt with at a time: sending takes its time.
    private static let lateAtOnceMax = 256
    /// The number of late answers in a row that show a dead server: a single one may come from a
    /// slow name.
    private static let lateInRowMax = 3

    /// - Parameters:
    ///   - servers: `host[:port]` with commas between, instead of those of the configuration.
    ///   - family: The family of the addresses that are asked for.
    ///   - configuration: The file that names servers and search domains.
    init(
        _ sockets: any LookupSockets, servers: String? = nil, _ family: AddressFamily = .any,
        configuration: String = "/etc/resolv.conf", hosts: HostsFile = .system
    ) {
        Self.initializeLibrary
        self.sockets = sockets
        fixedServers = servers
        self.configuration = configuration
        self.hosts = hosts
        self.family = family
    }

    private static let initializeLibrary: Void = { _ = ares_library_init(ARES_LIB_INIT_ALL) }()

    /// Whether `text` is a list of name servers.
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
        if let addresses = hosts.addresses(of: name, atMicros: now).flatMap(family.only) {
            return told(.addresses(addresses), 0)
        }
        followConfiguration(atMicros: now)
        guard underWay < Self.underWayMax else {
            return told(.trouble("too many lookups are under way"), 0)
        }
        if underWay == 0 { recent.removeAll(keepingCapacity: true) }
        let lookup = Lookup(name, atMicros: now, told)
        recent.append(lookup)
        nextTickMicros = min(nextTickMicros, now + Self.tickMicros)
        start(lookup, family.number)
    }

    private func start(_ lookup: Lookup, _ family: Int32) {
        guard let channel = current ?? makeChannel(fixedServers) else {
            lookup.trouble = "c-ares cannot be set up: \(lastError)"
            return conclude(lookup)
        }
        current = channel
        channel.underWay += 1
        lookup.underWay += 1
        underWay += 1
        var hints = ares_addrinfo_hints()
        hints.ai_family = family
        hints.ai_socktype = Int32(stream_socket)
        // Retained until the callback, which c-ares calls once for each question, in `ares_destroy`
        // at the latest.
        let question = Unmanaged.passRetained(Question(lookup, family, channel, self)).toOpaque()
        ares_getaddrinfo(
            channel.handle, lookup.name, nil, &hints,
            { question, status, timeouts, result in
                let question = Unmanaged<Question>.fromOpaque(question!).takeRetainedValue()
                question.owner.ended(question, status, timeouts: Int(timeouts), result)
                if let result { ares_freeaddrinfo(result) }
            }, question)
    }

    private func ended(
        _ question: Question, _ status: Int32, timeouts: Int,
        _ result: UnsafeMutablePointer<ares_addrinfo>?
    ) {
        let lookup = question.lookup
        question.channel.underWay -= 1
        lookup.underWay -= 1
        underWay -= 1
        guard !lookup.isTold else { return }
        let isOfBoth = question.family == AF_UNSPEC
        // Of the two queries of a question for both families c-ares tells the timeouts together.
        // One that is left behind was sent to a server that refused the other: c-ares sees that
        // once.
        let dead = isOfBoth ? (timeouts + 1) / 2 : max(timeouts, lookup.isLate ? 1 : 0)
        switch status {
        case ARES_SUCCESS:
            let (text, ttl) = Self.addresses(of: result)
            lookup.tell(text.isEmpty ? .noSuchName : .addresses(text), ttlSeconds: ttl)
            noteTimeouts(of: dead, in: question.channel)
        case ARES_ENODATA, ARES_ENOTFOUND, ARES_ENONAME, ARES_EBADNAME:
            noteTimeouts(of: dead, in: question.channel)
            // c-ares 1.18 says so, too, where one query failed and the other's answer came last.
            if status == ARES_ENODATA && isOfBoth { return askForIPv4(lookup) }
            conclude(lookup)
        default:
            lookup.trouble = String(cString: ares_strerror(status))
            conclude(lookup)
        }
    }

    /// Tells that there are no addresses, once no more answers can come.
    private func conclude(_ lookup: Lookup) {
        guard lookup.underWay == 0 else { return }
        lookup.tell(lookup.trouble.map { .trouble($0) } ?? .noSuchName)
    }

    private func askForIPv4(_ lookup: Lookup) {
        guard !lookup.isAskedForIPv4, underWay < Self.underWayMax else { return conclude(lookup) }
        lookup.isAskedForIPv4 = true
        start(lookup, AF_INET)
    }

    /// Asks for IPv4 alone for lookups that are late. Some name servers never answer for IPv6, and
    /// c-ares waits for both families: such a name would take all rounds of timeouts.
    private func askLateOnesForIPv4(atMicros now: Int) {
        let late = Array(
            recent.prefix(Self.lateAtOnceMax).prefix {
                now - $0.startedMicros >= Self.lateMicros
            })
        recent.removeFirst(late.count)
        // Without a second family there is nothing to go on without.
        guard family == .any else { return }
        for lookup in late where !lookup.isTold && !lookup.isAskedForIPv4 {
            lookup.isLate = true
            askForIPv4(lookup)
        }
    }

    private static func addresses(
        of result: UnsafeMutablePointer<ares_addrinfo>?
    ) -> (text: String, ttlSeconds: Int) {
        var texts: [String] = []
        var ttl = Int.max
        var next = result?.pointee.nodes
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 48) { text in
            while let node = next, texts.count < NameAnswer.addressesMax {
                next = node.pointee.ai_next
                ttl = min(ttl, Int(node.pointee.ai_ttl))
                guard ares_address_text(node, text.baseAddress) != 0 else { continue }
                texts.append(String(cString: text.baseAddress!))
            }
        }
        return (texts.joined(separator: ","), ttl)
    }

    // MARK: - Servers

    /// Puts servers that let several lookups in a row time out behind the others from now on.
    /// c-ares 1.18 begins each lookup with the first server, so that a dead one would cost its
    /// timeout each time.
    ///
    /// - Parameter dead: The number of servers that let a question time out before another one
    ///   answered.
    private func noteTimeouts(of dead: Int, in channel: Channel) {
        guard dead > 0 else {
            channel.lateInRow = 0
            return
        }
        channel.lateInRow += 1
        let servers = channel.servers
        guard channel.lateInRow >= Self.lateInRowMax, channel === current, dead < servers.count
        else { return }
        let order = servers[dead...] + servers[..<dead]
        guard let next = makeChannel(order.joined(separator: ",")) else { return }
        retire(channel)
        current = next
    }

    private func retire(_ channel: Channel) {
        retired.append(channel)
        if current === channel { current = nil }
    }

    /// Starts anew when the configuration file has changed: a laptop changes its network, a
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
        let given =
            ARES_OPT_SOCK_STATE_CB | ARES_OPT_RESOLVCONF | ARES_OPT_LOOKUPS | ARES_OPT_TIMEOUTMS
            | ARES_OPT_TRIES
        // Unretained: its channels go before this object does.
        options.sock_state_cb_data = Unmanaged.passUnretained(self).toOpaque()
        options.sock_state_cb = { owner, descriptor, reads, writes in
            Unmanaged<AresLookups>.fromOpaque(owner!).takeUnretainedValue().sockets?.watch(
                descriptor, reads: reads != 0, writes: writes != 0)
        }
        // c-ares before 1.24 knows these under other names only, and waits for 5 s, four times, by
        // default.
        let text = Self.contents(of: configuration)
        options.timeout =
            Self.option("timeout", in: text).map { min(max($0, 1), 30) * 1000 } ?? Self.serverMillis
        options.tries = Self.option("attempts", in: text).map { min(max($0, 1), 5) } ?? Self.rounds
        var handle: ares_channel?
        let result = configuration.withCString { path in
            options.resolvconf_path = UnsafeMutablePointer(mutating: path)
            // Name servers ("bind") alone: `hosts` was asked.
            return "b".withCString { lookups in
                options.lookups = UnsafeMutablePointer(mutating: lookups)
                return ares_init_uncached(&handle, &options, given)
            }
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

    /// The number behind the last `name:` in the `options` lines; `nil` when there is none.
    static func option(_ name: String, in configuration: String) -> Int32? {
        var found: Int32?
        for line in configuration.split(whereSeparator: \.isNewline) {
            let words = line.split { $0 == " " || $0 == "\t" }
            guard words.first == "options" else { continue }
            for word in words.dropFirst() where word.hasPrefix(name + ":") {
                found = Int32(word.dropFirst(name.utf8.count + 1)) ?? found
            }
        }
        return found
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

    /// Tells c-ares that the descriptor can be read or written.
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
        askLateOnesForIPv4(atMicros: now.monotonicMicros)
        dropEnded()
    }

    /// Ends all lookups. Clients that wait are told trouble.
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
