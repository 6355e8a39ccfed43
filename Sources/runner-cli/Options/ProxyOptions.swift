import ArgumentParser
import Glibc
import JobStore
import Runner

/// The options of proxies; their names are curl's.
struct ProxyOptions: ParsableArguments {
    @Option(
        name: [.customShort("x"), .long], parsing: .unconditional,
        help: ArgumentHelp(
            "Go through this proxy, http://host:port; also https, socks4, socks4a, socks5, socks5h; '' for none (default: http_proxy, https_proxy, all_proxy in the environment).",
            valueName: "url"))
    var proxy: String?

    @Option(
        name: .customLong("proxy-user"), parsing: .unconditional,
        help: ArgumentHelp(
            "Credentials for a proxy whose URL has none.", valueName: "user:password"))
    var proxyUser: String?

    @Option(
        name: .customLong("noproxy"), parsing: .unconditional,
        help: ArgumentHelp(
            "Hosts, domains and networks to reach without a proxy, with commas between; * for all (default: no_proxy in the environment).",
            valueName: "list"))
    var noProxy: String?

    @Flag(
        name: .customLong("no-proxy-env"), help: "Take no proxy or no_proxy from the environment.")
    var ignoresEnvironment = false

    /// A text, and the name of the option or variable that it is the value of.
    private struct Source {
        let name: String
        let text: String
    }

    /// The proxies of a run, and the sentences that tell people of them.
    struct Choice {
        var rules = ProxyRules()
        var sentences: [String] = []
    }

    /// The options that are given.
    var given: [String] {
        [
            proxy.map { _ in "--proxy" }, proxyUser.map { _ in "--proxy-user" },
            noProxy.map { _ in "--noproxy" }, ignoresEnvironment ? "--no-proxy-env" : nil,
        ].compactMap(\.self)
    }

    func validate() throws { _ = try choice() }

    /// Chooses the proxies as curl does: an option first, then the environment.
    func choice() throws -> Choice {
        let credentials = try credentials()
        let http = source(of: "http")
        let https = source(of: "https")
        if proxyUser != nil, http == nil, https == nil {
            throw ValidationError(
                "--proxy-user is given without a proxy; name one with --proxy, or leave it out")
        }
        let list =
            noProxy.map { Source(name: "--noproxy", text: $0) }
            ?? environment("no_proxy", "NO_PROXY")
        let rules = ProxyRules(
            http: try http.map { try Self.proxy($0, credentials) },
            https: try https.map { try Self.proxy($0, credentials) },
            except: ProxyExceptions(list?.text ?? ""))
        return Choice(rules: rules, sentences: Self.sentences(rules, http, https, list))
    }

    private func credentials() throws -> Proxy.Credentials? {
        guard let proxyUser else { return nil }
        guard proxyUser.contains(":") else {
            throw ValidationError("--proxy-user has no colon; write it as user:password")
        }
        do {
            return try Proxy.Credentials(encoded: proxyUser)
        } catch {
            throw ValidationError("--proxy-user \(error.description); write it as user:password")
        }
    }

    private func source(of scheme: String) -> Source? {
        if let proxy { return proxy.isEmpty ? nil : Source(name: "--proxy", text: proxy) }
        // HTTP_PROXY is what a web server makes of a request's field Proxy.
        let names = scheme == "http" ? ["http_proxy"] : ["https_proxy", "HTTPS_PROXY"]
        return environment(names + ["all_proxy", "ALL_PROXY"])
    }

    private func environment(_ names: String...) -> Source? { environment(names) }

    /// The first of some variables that has a value.
    private func environment(_ names: [String]) -> Source? {
        guard !ignoresEnvironment else { return nil }
        for name in names {
            if let value = getenv(name), value.pointee != 0 {
                return Source(name: name, text: String(cString: value))
            }
        }
        return nil
    }

    private static func proxy(
        _ source: Source, _ credentials: Proxy.Credentials?
    ) throws -> Proxy {
        do {
            return try Proxy(source.text, credentials: credentials)
        } catch {
            let kinds = Proxy.Kind.allCases.map(\.rawValue).joined(separator: ", ")
            let cure = source.name.hasPrefix("--") ? "" : ", or ignore it with --no-proxy-env"
            // Not the text, which may hold a password.
            throw ValidationError(
                "\(source.name) \(error.description); write it as http://host:port with one of the schemes \(kinds)\(cure)"
            )
        }
    }

    private static func sentences(
        _ rules: ProxyRules, _ http: Source?, _ https: Source?, _ list: Source?
    ) -> [String] {
        func sentence(_ schemes: String, _ proxy: Proxy?, _ source: Source?) -> String? {
            guard let proxy, let source else { return nil }
            let exceptions = list.map { $0.text.isEmpty ? "" : ", but to \($0.text) (\($0.name))" }
            return
                "requests by \(schemes) go through \(proxy.text) (\(source.name))\(exceptions ?? "")"
        }
        if rules.http == rules.https, http?.name == https?.name {
            return [sentence("http and https", rules.http, http)].compactMap(\.self)
        }
        return [sentence("http", rules.http, http), sentence("https", rules.https, https)]
            .compactMap(\.self)
    }
}
