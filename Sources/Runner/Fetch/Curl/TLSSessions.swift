internal import CCrypto
internal import CCurl

/// TLS sessions of hosts, so that a connection made anew resumes one, which costs a quarter less CPU
/// on this side and a round trip less on the wire. Used on its loop's thread.
///
/// libcurl 7.88 keeps some for each handle, of which the first connection of none can make use, and
/// OpenSSL resumes a TLS 1.3 session once: so they are kept here, and each connection gets a copy.
///
/// It counts handshakes, too, so that not all workers of a loop make theirs at once: one takes 60 KB,
/// which stay with the process.
final class TLSSessions {
    /// A host's place. It stays for the loop's life, since connections know its address.
    fileprivate final class Place {
        /// Whose session it is.
        var key = 0
        var session: OpaquePointer?
        /// Unsafe, since safe costs two atomic operations a use; it owns its places.
        unowned(unsafe) let sessions: TLSSessions

        init(of sessions: TLSSessions) { self.sessions = sessions }

        deinit { SSL_SESSION_free(session) }
    }

    /// Somebody who wants to make a connection.
    protocol Client: AnyObject {
        /// It may, from now on.
        ///
        /// - Parameters:
        ///   - handshake: To be ended by `handshakeEnded`.
        ///   - key: Of the host it waited for.
        /// - Returns: Whether it still wants to.
        func mayConnect(_ handshake: Int, with key: Int) -> Bool
    }

    /// Handshakes with one host.
    private struct Handshakes {
        /// Their numbers.
        var underWay: Set<Int> = []
        /// How many there may be.
        var limit: Int
        /// Those who wait for one to end.
        var waiting: [any Client] = []
        /// When there may be more of them, if none ends before.
        var dueMicros = 0
    }

    /// Hosts whose sessions are kept; others take the place of those that share it.
    private static let placesMax = 1024
    /// How long the first connections to a host wait for the very first, whose session they resume.
    private static let headStartMicros = 300_000
    /// How many handshakes with a host may be under way, while they end. The C floor takes 85 MB with
    /// 500 at once, 67 MB with 32, in the same CPU time.
    private static let limit = 32
    /// How long handshakes may take before more are made meanwhile: a host may be far away.
    private static let patienceMicros = 100_000

    private var places: [Place?] = Array(repeating: nil, count: placesMax)
    /// By host, while any is under way.
    private var handshakes: [Int: Handshakes] = [:]
    /// Hosts somebody waits for.
    private var crowded: Set<Int> = []
    /// Of these, the ones where a handshake has ended.
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

    /// Has connections of a context resume the host's session, and keep theirs.
    ///
    /// - Parameters:
    ///   - context: An `SSL_CTX`, of which libcurl makes one a connection.
    ///   - key: Of the host (`RequestURL.Endpoint.key`).
    ///   - handshake: The connection's, which ends by itself; `nil` when it is not counted.
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
        let isFirst = place.sessions.handshakes[key]?.limit == 1
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

    /// Says whether to connect to a host now. The first does; others wait, for a short while, for its
    /// session, then for a handshake of those under way to end, and are told.
    ///
    /// - Returns: The number of the handshake, to be ended by `handshakeEnded`; `nil`: the client
    ///   waits.
    func beginHandshake(with key: Int, for client: any Client, at now: Now) -> Int? {
        guard var host = handshakes.removeValue(forKey: key) else {
            let place = place(of: key)
            let isKnown = place.key == key && place.session != nil
            lastHandshake += 1
            handshakes[key] = Handshakes(
                underWay: [lastHandshake], limit: isKnown ? Self.limit : 1)
            return lastHandshake
        }
        defer { handshakes[key] = host }
        if host.underWay.count < host.limit && host.waiting.isEmpty {
            lastHandshake += 1
            host.underWay.insert(lastHandshake)
            return lastHandshake
        }
        if host.waiting.isEmpty {
            let patience = host.limit == 1 ? Self.headStartMicros : Self.patienceMicros
            host.dueMicros = now.monotonicMicros + patience
            crowded.insert(key)
        }
        host.waiting.append(client)
        return nil
    }

    /// A handshake has ended, or was not needed, or failed; told more than once, it counts once.
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

    /// Tells those who may connect now.
    func handOn(at now: Now) {
        guard !crowded.isEmpty else { return }
        let due = crowded.filter { now.monotonicMicros >= handshakes[$0]?.dueMicros ?? 0 }
        for key in due.subtracting(eased) {
            let limit = handshakes[key]?.limit ?? 0
            handshakes[key]?.limit = max(Self.limit, 2 * limit)
        }
        for key in eased.union(due) { letGo(key, at: now) }
        eased.removeAll(keepingCapacity: true)
    }

    /// As many as there is room for.
    private func letGo(_ key: Int, at now: Now) {
        guard var host = handshakes.removeValue(forKey: key) else { return }
        host.limit = max(Self.limit, host.limit)
        host.dueMicros = now.monotonicMicros + Self.patienceMicros
        var next = 0
        while next < host.waiting.count && host.underWay.count < host.limit {
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
