import Runner

extension Trouble {
    /// The state that the trouble puts the run in.
    var name: String { host.isEmpty ? "paused" : "waiting for \(host)" }

    /// The cause and, where there is one, the cure.
    var advice: String { (message.isEmpty ? "cannot be reached" : message) + cure }

    /// The cure, with what parts it from the cause; empty where there is none.
    var cure: String {
        switch kind {
        case .certificate: "; name who to trust with --cacert FILE, or trust anyone with -k"
        case .openFiles: "; lower --workers, or raise the limit with ulimit -n"
        case .authorities: "; see --cacert"
        case .proxy: "; see --proxy"
        case .proxyCredentials: "; give them with --proxy-user"
        case .host, .machine: ""
        }
    }
}

extension TroubleNews {
    /// The news in one line.
    var sentence: String {
        guard isOver else { return "\(trouble.name): \(trouble.advice)" }
        let time = Format.duration(trouble.duration)
        // The host may answer again, or the last job that waited for it may have ended otherwise.
        return trouble.host.isEmpty
            ? "the run goes on, after \(time)"
            : "no longer waiting for \(trouble.host), after \(time)"
    }
}
