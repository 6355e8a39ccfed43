public import JobStore

/// The proxy of each request. Pure.
public struct ProxyRules: Sendable, Equatable {
    /// The proxy of requests by `http`; `nil` when they go straight to their hosts.
    public var http: Proxy?
    /// The proxy of requests by `https`; `nil` when they go straight to their hosts.
    public var https: Proxy?
    /// The hosts that requests go to without a proxy.
    public var exceptions: ProxyExceptions

    public init(
        http: Proxy? = nil, https: Proxy? = nil, except exceptions: ProxyExceptions = .init("")
    ) {
        self.http = http
        self.https = https
        self.exceptions = exceptions
    }

    /// Whether no request has a proxy.
    public var isEmpty: Bool { http == nil && https == nil }

    /// The proxy of requests to a host; `nil` when they go straight there.
    public func proxy(for host: HostKey) -> Proxy? {
        guard let proxy = host.isHTTPS ? https : http, !exceptions.contains(host.name) else {
            return nil
        }
        return proxy
    }
}
