internal import Glibc
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// A server of the web page and of metrics, on a thread of its own.
///
/// Nothing that a reader does holds up the run: what is shown is read from a `RunMonitor` for a
/// moment, and a reader that takes nothing gets the next state, or is left.
public final class WebServer: Sendable {
    /// The port at which the server listens.
    public let port: Int
    private let options: WebOptions
    private let group: MultiThreadedEventLoopGroup
    private let channel: any Channel
    private let connections: Connections

    /// Listens, and serves from now on.
    ///
    /// - Throws: `WebError` when the port cannot be had.
    public init(_ options: WebOptions, of queues: [any WatchedQueue]) async throws(WebError) {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            let (connections, channel) = try await Self.listen(options, queues, on: group)
            self.channel = channel
            self.connections = connections
            port = channel.localAddress?.port ?? options.port
        } catch {
            try? await group.shutdownGracefully()
            throw WebError(error, options)
        }
        self.group = group
        self.options = options
        let connections = connections
        group.next().execute { connections.start() }
    }

    /// The link that lets its owner in: the token is in the fragment, which no server and no log
    /// sees.
    public var link: String {
        let name = options.hostNames.first ?? place
        return "http://\(name):\(port)/#\(options.token.text)"
    }

    private var place: String {
        options.address.contains(":") ? "[\(options.address)]" : options.address
    }

    /// Ends all connections, once those who have asked for something have their answer, and the
    /// thread.
    public func stop() async {
        let connections = connections
        try? await channel.close()
        try? await group.next().flatSubmit { connections.stop() }.get()
        try? await group.shutdownGracefully()
    }

    private static func listen(
        _ options: WebOptions, _ queues: [any WatchedQueue], on group: MultiThreadedEventLoopGroup
    ) async throws -> (Connections, any Channel) {
        let address = try SocketAddress(ipAddress: options.address, port: options.port)
        let loop = group.next()
        // Where any port will do, that is known only once it is bound.
        let later = ConnectionsBox()
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 64)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            // Few bytes wait in the system for a reader that takes nothing.
            .childChannelOption(.socketOption(.so_sndbuf), value: 65_536)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(
                .writeBufferWaterMark, value: .init(low: 16_384, high: 65_536)
            )
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let connections = later.connections else { throw ChannelError.eof }
                    let headGuard = HeadGuard()
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(headGuard)
                    try pipeline.configureHTTPServerPipeline()
                    try pipeline.addHandler(RequestHandler(connections, headGuard))
                }
            }
        let channel = try await bootstrap.bind(to: address).get()
        let rules = AccessRules(
            options: options, port: channel.localAddress?.port ?? options.port)
        let connections = Connections(Site(queues: queues, rules: rules), on: loop)
        try await loop.submit { later.connections = connections }.get()
        return (connections, channel)
    }
}

/// Holds: `@unchecked`, since it is touched on the only loop alone.
private final class ConnectionsBox: @unchecked Sendable {
    var connections: Connections?
}

extension WebError {
    fileprivate init(_ error: any Error, _ options: WebOptions) {
        let place = "\(options.address) port \(options.port)"
        guard let error = error as? IOError else {
            self.init(code: .badAddress, place: place, reason: "this is no address")
            return
        }
        let code: Code =
            switch error.errnoCode {
            case EADDRINUSE: .inUse
            case EACCES, EPERM: .denied
            case EADDRNOTAVAIL: .badAddress
            default: .other
            }
        self.init(code: code, place: place, reason: error.description)
    }
}
