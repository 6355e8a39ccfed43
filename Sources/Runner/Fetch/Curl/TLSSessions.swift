internal import CCrypto
internal import CCurl

/// TLS sessions of hosts, so that a connection made anew resumes one, which costs a quarter less CPU
/// on this side and a round trip less on the wire. Used on its loop's thread.
///
/// libcurl 7.88 keeps some for each handle, of which the first connection of none can make use, and
/// OpenSSL resumes a TLS 1.3 session once: so they are kept here, and each connection gets a copy.
final class TLSSessions {
    /// A host's place. It stays for the loop's life, since connections know its address.
    fileprivate final class Place {
        /// Whose session it is.
        var key = 0
        var session: OpaquePointer?

        deinit { SSL_SESSION_free(session) }
    }

    /// Somebody who wants to make a connection.
    protocol Client: AnyObject {
        func mayConnect()
    }

    /// Hosts whose sessions are kept; others take the place of those that share it.
    private static let placesMax = 1024
    /// How long the first connections to a host wait for the very first, whose session they resume.
    private static let headStartMicros = 300_000

    private var places: [Place?] = Array(repeating: nil, count: placesMax)
    private var waiting: [Int: [any Client]] = [:]
    /// When who waits for the first session of a host waits no more.
    private var untilMicros: [Int: Int] = [:]
    /// Hosts whose first connection got a session, or ended without.
    private var released: [Int] = []

    private func place(of key: Int) -> Place {
        let index = Int(UInt(bitPattern: key) % UInt(Self.placesMax))
        if let place = places[index] { return place }
        let place = Place()
        places[index] = place
        return place
    }

    // MARK: - Connections

    /// Has connections of a context resume the host's session, and keep theirs.
    ///
    /// - Parameters:
    ///   - context: An `SSL_CTX`, of which libcurl makes one a connection.
    ///   - key: Of the host (`RequestURL.Endpoint.key`).
    func equip(_ context: UnsafeMutableRawPointer, for key: Int) {
        let context = OpaquePointer(context)
        // Unretained: places outlive the connections of their loop.
        SSL_CTX_set_ex_data(
            context, ssl_context_place(0), Unmanaged.passUnretained(place(of: key)).toOpaque())
        SSL_CTX_set_ex_data(context, ssl_context_place(1), UnsafeMutableRawPointer(bitPattern: key))
        SSL_CTX_sess_set_new_cb(context) { connection, session in
            guard let connection, let (place, key) = TLSSessions.place(of: connection) else {
                return 0
            }
            SSL_SESSION_free(place.session)
            (place.key, place.session) = (key, session)
            return 1  // it is ours now
        }
        SSL_CTX_set_info_callback(context) { connection, what, _ in
            // As the handshake begins; later messages (of TLS 1.3) begin one, too.
            guard what == SSL_CB_HANDSHAKE_START, let connection, SSL_in_before(connection) == 1,
                let (place, key) = TLSSessions.place(of: connection), place.key == key,
                let session = place.session, let copy = SSL_SESSION_dup(session)
            else { return }
            SSL_set_session(connection, copy)
            SSL_SESSION_free(copy)  // the connection has a reference of its own
        }
    }

    private static func place(of connection: OpaquePointer) -> (Place, key: Int)? {
        guard let context = SSL_get_SSL_CTX(connection),
            let place = SSL_CTX_get_ex_data(context, ssl_context_place(0))
        else { return nil }
        let key = Int(bitPattern: SSL_CTX_get_ex_data(context, ssl_context_place(1)))
        return (Unmanaged<Place>.fromOpaque(place).takeUnretainedValue(), key)
    }

    // MARK: - The first one

    /// Says whether to connect to a host now. The first does; others wait for its session, for a
    /// short while, and are told.
    func mayConnect(to key: Int, _ client: any Client, at now: Now) -> Bool {
        let place = place(of: key)
        if place.key == key, place.session != nil { return true }
        guard let until = untilMicros[key] else {
            // Bounded: what is out of date goes.
            if untilMicros.count >= Self.placesMax {
                untilMicros = untilMicros.filter { now.monotonicMicros < $0.value }
            }
            untilMicros[key] = now.monotonicMicros + Self.headStartMicros
            return true
        }
        guard now.monotonicMicros < until else { return true }
        waiting[key, default: []].append(client)
        return false
    }

    /// A request to the host has ended, with a session or without.
    func requestEnded(to key: Int) {
        if !waiting.isEmpty, waiting[key] != nil { released.append(key) }
    }

    /// When `handOn` is to be called, in µs on the monotonic clock; `.max` when nobody waits.
    var deadlineMicros: Int {
        waiting.isEmpty ? .max : waiting.keys.compactMap { untilMicros[$0] }.min() ?? 0
    }

    /// Tells those who waited long enough, or for what is there.
    func handOn(at now: Now) {
        guard !waiting.isEmpty else { return }
        let due = waiting.keys.filter { now.monotonicMicros >= untilMicros[$0] ?? 0 }
        let keys = released + due
        released.removeAll(keepingCapacity: true)
        for key in keys {
            for client in waiting.removeValue(forKey: key) ?? [] { client.mayConnect() }
        }
    }
}
