internal import CPostgres
internal import Glibc
internal import JobStore

/// The place of a PostgreSQL database and the way to it, as a URL names them.
///
/// libpq reads the URL, and what the URL leaves out from its environment and files (`PGPASSWORD`,
/// `PGPASSFILE`, `~/.pgpass`, `PGSERVICE`).
struct ServerAddress: Sendable {
    /// The options of libpq that the URL gives, and those that this program adds.
    let options: [(name: String, value: String)]
    /// The address without a password, for messages.
    let shown: String
    /// Whether the URL itself holds a password.
    let hasPassword: Bool

    /// - Throws: `.notAQueue` when libpq does not understand the URL. The message does not repeat
    ///   the URL, which may hold a password.
    init(url: String) throws(QueueError) {
        var complaint: UnsafeMutablePointer<CChar>?
        guard let parsed = PQconninfoParse(url, &complaint) else {
            PQfreemem(complaint)
            throw QueueError(
                .notAQueue,
                "the URL of the queue is not one that PostgreSQL understands; write it as postgres://user@host:5432/database"
            )
        }
        defer { PQconninfoFree(parsed) }
        var options: [(name: String, value: String)] = []
        var option = parsed
        while let name = option.pointee.keyword {
            if let value = option.pointee.val {
                options.append((String(cString: name), String(cString: value)))
            }
            option += 1
        }
        hasPassword = options.contains { $0.name == "password" }
        shown = Self.shown(options)
        self.options = options + Self.added(to: options)
    }

    private static func shown(_ options: [(name: String, value: String)]) -> String {
        func value(_ name: String) -> String? { options.first { $0.name == name }?.value }
        let hosts = (value("host") ?? value("hostaddr") ?? "").split(
            separator: ",", omittingEmptySubsequences: false)
        let ports = (value("port") ?? "").split(separator: ",", omittingEmptySubsequences: false)
        let places = hosts.enumerated().map { index, host in
            // Of a password with an @ in it, libpq takes what follows for the host.
            let host = host.split(separator: "@").last ?? host
            let port =
                ports.count == 1 ? ports[0] : ports.indices.contains(index) ? ports[index] : ""
            let name =
                host.contains("/") ? host.split(separator: "/").joined(separator: "%2F") : "\(host)"
            let shown =
                host.hasPrefix("/") ? "%2F\(name)" : host.contains(":") ? "[\(name)]" : name
            return port.isEmpty ? shown : "\(shown):\(port)"
        }
        let user = value("user").map { "\($0)@" } ?? ""
        return "postgres://\(user)\(places.joined(separator: ","))/\(value("dbname") ?? "")"
    }

    // MARK: - What the URL leaves out

    /// The options that are added where the URL and the environment are silent.
    private static func added(
        to options: [(name: String, value: String)]
    ) -> [(name: String, value: String)] {
        var added: [(name: String, value: String)] = []
        func add(_ name: String, _ value: String, unless variable: String? = nil) {
            guard !options.contains(where: { $0.name == name }),
                variable.map({ getenv($0) == nil }) ?? true
            else { return }
            added.append((name, value))
        }
        add("application_name", "runner", unless: "PGAPPNAME")
        add("connect_timeout", "5", unless: "PGCONNECT_TIMEOUT")
        add("keepalives_idle", "5")
        add("keepalives_interval", "2")
        add("keepalives_count", "3")
        add("tcp_user_timeout", "10000")
        add("client_encoding", "UTF8", unless: "PGCLIENTENCODING")
        add("target_session_attrs", "read-write", unless: "PGTARGETSESSIONATTRS")
        // > The default is `prefer` […] there is no protection against eavesdropping.
        // <https://www.postgresql.org/docs/15/libpq-ssl.html#LIBPQ-SSL-PROTECTION>
        if isBeyondThisMachine(options), getenv("PGSERVICE") == nil,
            !options.contains(where: { $0.name == "service" })
        {
            add("sslmode", "verify-full", unless: "PGSSLMODE")
            if let bundle = systemCertificates {
                add("sslrootcert", bundle, unless: "PGSSLROOTCERT")
            }
        }
        return added
    }

    /// Whether the connection leaves this machine: some host is neither a socket nor loopback.
    private static func isBeyondThisMachine(_ options: [(name: String, value: String)]) -> Bool {
        let named = options.first { $0.name == "hostaddr" } ?? options.first { $0.name == "host" }
        let hosts = named?.value ?? getenv("PGHOST").map { String(cString: $0) } ?? ""
        return !hosts.split(separator: ",").allSatisfy { host in
            host.hasPrefix("/") || host.hasPrefix("@") || host == "localhost" || host == "::1"
                || host.hasPrefix("127.")
        }
    }

    /// The certificates that this system trusts; `nil` where the user has chosen others for
    /// PostgreSQL, or there are none at the usual place. (libpq looks at the user's alone.)
    private static var systemCertificates: String? {
        let home = getenv("HOME").map { String(cString: $0) } ?? ""
        guard access("\(home)/.postgresql/root.crt", R_OK) != 0 else { return nil }
        return ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"].first {
            access($0, R_OK) == 0
        }
    }
}
