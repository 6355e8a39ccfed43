internal import CCrypto
internal import CCurl

/// Keeps TLS sessions of hosts, so that a new connection resumes one. That costs a quarter less CPU
/// on this side, and a round trip less on the wire. Used on its loop's thread.
///
/// libcurl 7.88 keeps some sessions for each handle, none of which the handle's first connection
/// can use, and OpenSSL resumes a TLS 1.3 session only once. So sessions are kept here, and each
/// connection gets a copy.
///
/// Handshakes are counted, too, so that not all workers of a loop make theirs at once: a handshake
/// takes 60 KB, which stay with the process.
final class TLSSessions {
    /// A place for a host's session. It stays for the loop's life, since connections know its
    /// address.
    fileprivate final class Place {
        /// The key of the host that the session is of.
        var key = 0
        var session: OpaquePointer?
        /// The sessions that own the place. Unsafe, because a safe reference costs two atomic
        /// operations a use.
        unowned(unsafe) let sessions: TLSSessions

        init(of sessions: TLSSessions) { self.sessions = sessions }

        deinit { SSL_SESSION_free(session) }
    }

    /// An object that wants to make a connection.
    protocol Client: AnyObject {
        /// Tells the client that it may connect from now on.
        ///
        /// - Parameters:
        ///   - handshake: The number of the handshake, to be ended by `handshakeEnded`.
        ///   - key: The key of the host that the client waited for.
        /// - Returns: Whether the client still wants to connect.
        func mayConnect(_ handshake: Int, with key: Int) -> Bool
    }

    /// Handshakes with one host.
    private struct Handshakes {
        /// The numbers of the handshakes under way.
        var underWay: Set<Int> = []
        /// The most handshakes that may be under way.
        var underWayMax: Int
        /// Clients that wait for a handshake to end.
        var waiting: [any Client] = []
        /// When more handshakes may be made if none ends before, in µs on the monotonic clock.
        var dueMicros = 0
    }

    /// The number of places for sessions. Of the hosts that share a place, the last one has it.
    private static let placesMax = 1024
    /// The time in µs that the first connections to a host wait for the very first one, so as to
    /// resume its session.
    private static let headStartMicros = 300_000
    /// The most handshakes with a host that may be under way, as long as they end. The C floor
    /// takes 85 MB with 500 at once, 67 MB with 32, in the same CPU time.
    private static let underWayMax = 32
    /// The time in µs after which more handshakes are made though none has ended: a host may be far
    /// away.
    private static let patienceMicros = 100_000

    private var places: [Place?] = Array(repeating: nil, count: placesMax)
    /// The handshakes with each host, by its key, while any is under way or waited for.
    private var handshakes: [Int: Handshakes] = [:]
    /// The keys of hosts that a client waits for.
    private var crowded: Set<Int> = []
    /// The keys in `crowded` of hosts with which a handshake has ended.
    private var eased: Set<Int> = []
    private var lastHandshake = 0

    private func place(of key: Int) -> Place {
        let index = Int(UInt(bitPattern: key) % UInt(Self.placesMax))
        if let place = places[index] { return place }
        let place = Place(of: self)
        places[index] = place
        return place
    }

    // MARK: - Connections

    // Places of ours in an `SSL_CTX`.
    private static let placeIndex = ssl_context_new_index()
    private static let keyIndex = ssl_context_new_index()
    private static let handshakeIndex = ssl_context_new_index()

    /// Makes the connections of a context resume the host's session, and keep their own for later
    /// ones.
    ///
    /// - Parameters:
    ///   - context: An `SSL_CTX`; libcurl makes one for each connection.
    ///   - key: The key of the host (`RequestURL.Endpoint.sessionsKey`).
    ///   - handshake: The number of the connection's handshake, which then need not be ended by the
    ///     caller; `nil` when it is not counted.
    func equip(_ context: UnsafeMutableRawPointer, for key: Int, handshake: Int?) {
        let context = OpaquePointer(context)
        // Unretained: places outlive the connections of their loop.
        SSL_CTX_set_ex_data(
            context, Self.placeIndex, Unmanaged.passUnretained(place(of: key)).toOpaque())
        SSL_CTX_set_ex_data(context, Self.keyIndex, UnsafeMutableRawPointer(bitPattern: key))
        SSL_CTX_set_ex_data(
            context, Self.handshakeIndex, UnsafeMutableRawPointer(bitPattern: handshake ?? 0))
        SSL_CTX_sess_set_new_cb(context) { connection, session in
            guard let connection, let (place, key) = TLSSessions.place(of: connection) else {
                return 0
            }
            SSL_SESSION_free(place.session)
            (place.key, place.session) = (key, session)
            TLSSessions.ends(connection)
            return 1  // it is ours now
        }
        SSL_CTX_set_info_callback(context) { connection, what, _ in
            guard let connection else { return }
            if what == SSL_CB_HANDSHAKE_START { TLSSessions.begins(connection) }
            if what == SSL_CB_HANDSHAKE_DONE { TLSSessions.ends(connection) }
        }
    }

    private static func begins(_ connection: OpaquePointer) {
        // As the handshake begins; later messages (of TLS 1.3) begin one, too.
        guard SSL_in_before(connection) == 1, let (place, key) = place(of: connection),
            place.key == key, let session = place.session, let copy = SSL_SESSION_dup(session)
        else { return }
        SSL_set_session(connection, copy)
        SSL_SESSION_free(copy)  // the connection has a reference of its own
    }

    private static func ends(_ connection: OpaquePointer) {
        guard let (place, key) = place(of: connection),
            let context = SSL_get_SSL_CTX(connection),
            let handshake = SSL_CTX_get_ex_data(context, handshakeIndex)
        else { return }
        // By TLS 1.3 a session comes after the handshake, and others wait for the host's first.
        let isFirst = place.sessions.handshakes[key]?.underWayMax == 1
        if isFirst, place.key != key || place.session == nil { return }
        // Once: later messages end one, too.
        SSL_CTX_set_ex_data(context, handshakeIndex, nil)
        place.sessions.handshakeEnded(Int(bitPattern: handshake), with: key)
    }

    private static func place(of connection: OpaquePointer) -> (Place, key: Int)? {
        guard let context = SSL_get_SSL_CTX(connection),
            let place = SSL_CTX_get_ex_data(context, placeIndex)
        else { return nil }
        let key = Int(bitPattern: SSL_CTX_get_ex_data(context, keyIndex))
        return (Unmanaged<Place>.fromOpaque(place).takeUnretainedValue(), key)
    }

    // MARK: - Handshakes

    /// Decides whether to connect to a host now. The first client connects. Others wait, at first
    /// for a short while for its session, then for one of the handshakes under way to end, and are
    /// told by `mayConnect`.
    ///
    /// - Returns: The number of the handshake, to be ended by `handshakeEnded`; `nil` when the
    ///   client has to wait.
    func beginHandshake(with key: Int, for client: any Client, at now: Now) -> Int? {
        guard var host = handshakes.removeValue(forKey: key) else {
            let place = place(of: key)
            let isKnown = place.key == key && place.session != nil
            lastHandshake += 1
            handshakes[key] = Handshakes(
                underWay: [lastHandshake], underWayMax: isKnown ? Self.underWayMax : 1)
            return lastHandshake
        }
        defer { handshakes[key] = host }
        if host.underWay.count < host.underWayMax && host.waiting.isEmpty {
            lastHandshake += 1
            host.underWay.insert(lastHandshake)
            return lastHandshake
        }
        if host.waiting.isEmpty {
            let patience = host.underWayMax == 1 ? Self.headStartMicros : Self.patienceMicros
            host.dueMicros = now.monotonicMicros + patience
            crowded.insert(key)
        }
        host.waiting.append(client)
        return nil
    }

    /// Notes that a handshake has ended, or was not needed, or failed. Repeated calls for one
    /// handshake count once.
    func handshakeEnded(_ handshake: Int, with key: Int) {
        guard handshakes[key]?.underWay.remove(handshake) != nil else { return }
        if crowded.contains(key) {
            eased.insert(key)
        } else if handshakes[key]?.underWay.isEmpty == true {
            handshakes[key] = nil
        }
    }

    /// When `handOn` is to be called, in µs on the monotonic clock; `.max` when nobody waits.
    var deadlineMicros: Int {
        crowded.isEmpty ? .max : crowded.compactMap { handshakes[$0]?.dueMicros }.min() ?? 0
    }

    /// Tells the clients that may connect now.
    func handOn(at now: Now) {
        guard !crowded.isEmpty else { return }
        let due = crowded.filter { now.monotonicMicros >= handshakes[$0]?.dueMicros ?? 0 }
        for key in due.subtracting(eased) {
            let before = handshakes[key]?.underWayMax ?? 0
            handshakes[key]?.underWayMax = max(Self.underWayMax, 2 * before)
        }
        for key in eased.union(due) { letGo(key, at: now) }
        eased.removeAll(keepingCapacity: true)
    }

    /// Tells waiting clients that they may connect, as many as the host's limit has room for.
    private func letGo(_ key: Int, at now: Now) {
        guard var host = handshakes.removeValue(forKey: key) else { return }
        host.underWayMax = max(Self.underWayMax, host.underWayMax)
        host.dueMicros = now.monotonicMicros + Self.patienceMicros
        var next = 0
        while next < host.waiting.count && host.underWay.count < host.underWayMax {
            lastHandshake += 1
            if host.waiting[next].mayConnect(lastHandshake, with: key) {
                host.underWay.insert(lastHandshake)
            }
            next += 1
        }
        host.waiting.removeFirst(next)
        if host.waiting.isEmpty { crowded.remove(key) }
        handshakes[key] = host.waiting.isEmpty && host.underWay.isEmpty ? nil : host
    }
}
