/// Who may see and do what. Pure.
///
/// Other users of a machine reach its loopback, and so does any page that a browser on it shows:
/// the token keeps out the former, and the Host, Origin and Sec-Fetch-Site of a request the latter.
struct AccessRules: Sendable {
    let options: WebOptions
    /// The port at which the server listens.
    let port: Int

    /// The reason that a request is refused.
    enum Refusal: Error, Equatable {
        /// The request is for another host: a name that leads here (DNS rebinding).
        case otherHost
        /// The token is missing, or is another.
        case noToken
        /// Another site's page has sent it.
        case otherSite
    }

    /// The right that a route needs.
    enum Need {
        /// None: probes ask by any name.
        case nothing
        /// The right Host; what holds no data.
        case host
        /// The token, but for those who reach the metrics of a loopback.
        case metrics
        /// The token.
        case token
        /// A page of this server, for a change that shows its token itself.
        case sameOrigin
        /// A page of this server, and the token.
        case change
    }

    /// The name of the cookie that holds the token: programs at other ports share the host's
    /// cookies.
    var cookie: String { "runner-\(port)" }

    func refusal(of request: WebRequest, _ need: Need) -> Refusal? {
        switch need {
        case .nothing: return nil
        case .host: return isForUs(request) ? nil : .otherHost
        case .metrics:
            guard isForUs(request) else { return .otherHost }
            return WebOptions.isLoopback(options.address) || hasToken(request) ? nil : .noToken
        case .token:
            guard isForUs(request) else { return .otherHost }
            guard request.field("sec-fetch-site").map(Self.mayRead) ?? true else {
                return .otherSite
            }
            return hasToken(request) ? nil : .noToken
        case .sameOrigin:
            guard isForUs(request) else { return .otherHost }
            return isOfOurPage(request) ? nil : .otherSite
        case .change:
            guard isForUs(request) else { return .otherHost }
            guard isOfOurPage(request) else { return .otherSite }
            return hasToken(request) ? nil : .noToken
        }
    }

    /// A link that was typed or opened has no site.
    private static func mayRead(_ site: String) -> Bool { site == "same-origin" || site == "none" }

    private func hasToken(_ request: WebRequest) -> Bool {
        if let bearer = request.bearer { return options.token.matches(bearer) }
        return request.cookie(cookie).map { options.token.matches($0) } ?? false
    }

    /// Whether the Host is one by which people reach the page, at any port: a tunnel has its own.
    private func isForUs(_ request: WebRequest) -> Bool {
        guard let host = request.field("host"), let name = Self.name(of: host) else { return false }
        let names = ["localhost", "127.0.0.1", "[::1]"] + options.hostNames
        return names.contains { $0.lowercased() == name.lowercased() }
    }

    /// A change comes from a page of ours alone: as browsers tell (`Sec-Fetch-Site`), and those that
    /// do not, by its origin. Who sends neither is no browser, and can use the command line.
    private func isOfOurPage(_ request: WebRequest) -> Bool {
        guard request.has("sec-fetch-site") || request.has("origin") else { return false }
        if request.has("sec-fetch-site"), request.field("sec-fetch-site") != "same-origin" {
            return false
        }
        guard request.has("origin") else { return true }
        guard let origin = request.field("origin"), let host = request.field("host") else {
            return false
        }
        return ["http://\(host)", "https://\(host)"].contains {
            $0.lowercased() == origin.lowercased()
        }
    }

    /// The name in a Host field, without its port; `nil` when it is none.
    static func name(of host: String) -> String? {
        let end: String.Index
        if host.hasPrefix("[") {
            guard let bracket = host.firstIndex(of: "]") else { return nil }
            end = host.index(after: bracket)
        } else {
            end = host.firstIndex(of: ":") ?? host.endIndex
        }
        let port = host[end...]
        guard port.isEmpty || port.first == ":",
            port.dropFirst().utf8.allSatisfy({ 0x30...0x39 ~= $0 })
        else { return nil }
        return String(host[..<end])
    }
}
