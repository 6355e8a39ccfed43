import NIOCore
import NIOPosix

/// An HTTP origin on the loopback interface that misbehaves when its path asks for it.
///
/// It keeps count of how often each ID was asked for, so that a test can tell a lost job from a
/// repeated one. The paths are those that `test-origin --help` lists.
///
///     let origin = try await Origin.start()
///     // ... fetch "\(origin.url)/flaky/3/503/7" ...
///     origin.hits(of: 7)  // 3
///     await origin.stop()
public final class Origin: Sendable {
    /// The port it listens on, also when `start` was asked for port 0.
    public let port: Int

    private let group: MultiThreadedEventLoopGroup
    private let counter: HitCounter

    private init(port: Int, group: MultiThreadedEventLoopGroup, counter: HitCounter) {
        self.port = port
        self.group = group
        self.counter = counter
    }

    /// Binds 127.0.0.1 and serves until `stop`.
    ///
    /// - Parameters:
    ///   - onAllAddresses: Binds all addresses of the machine, of which 127.0.0.1 is one.
    ///   - port: 0 lets the kernel choose a free one.
    ///   - threads: How many event loops share the connections, 1 or more.
    ///   - behaviour: What `/{id}` does; the other paths say it themselves.
    ///   - maxIDs: IDs from here on are answered but not counted. Memory grows by 128 KB for each
    ///     run of 65,536 IDs of which one was hit, so the default costs up to 400 MB.
    /// - Throws: NIO's `IOError` when the port is taken or may not be bound.
    public static func start(
        onAllAddresses: Bool = false,
        port: Int = 0,
        threads: Int = 1,
        behaviour: Behaviour = .immediate,
        maxIDs: Int = 200_000_000
    ) async throws -> Origin {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
        let counter = HitCounter(maxIDs: maxIDs)
        do {
            let listener = try await bootstrap(group, counter, behaviour)
                .bind(host: onAllAddresses ? "0.0.0.0" : "127.0.0.1", port: port).get()
            guard let boundPort = listener.localAddress?.port else {
                preconditionFailure("a bound TCP socket has a port")
            }
            return Origin(port: boundPort, group: group, counter: counter)
        } catch {
            // The error to report is why the origin did not start; that its idle threads did not
            // end well either would add nothing.
            try? await group.shutdownGracefully()
            throw error
        }
    }

    /// What paths are appended to: `http://127.0.0.1:PORT`, without a slash at the end.
    public var url: String { "http://127.0.0.1:\(port)" }

    /// How often `id` was asked for; 0 when it never was, or when it is beyond the counted IDs.
    ///
    /// Stays at 65,535 once it is there.
    public func hits(of id: Int) -> Int { counter.hits(of: id) }

    /// The totals over all counted IDs at this moment.
    public func summary() -> HitSummary { counter.summary() }

    /// Forgets all hits. Requests in flight stay in flight.
    public func reset() { counter.reset() }

    /// The lowest `limit` IDs in `range` that were never asked for, rising.
    public func missing(in range: Range<Int>, limit: Int) -> [Int] {
        counter.missing(in: range, limit: limit).first
    }

    /// Closes the port and every connection, answered or not, and ends the threads.
    ///
    /// The counters can still be read afterwards. May be called again.
    public func stop() async {
        do {
            try await group.shutdownGracefully()
        } catch {
            // Only a loop that is already gone reports an error, and gone is what was asked for.
        }
    }

    private static func bootstrap(
        _ group: MultiThreadedEventLoopGroup, _ counter: HitCounter, _ behaviour: Behaviour
    ) -> ServerBootstrap {
        ServerBootstrap(group: group)
            // A crawler opens its connections all at once; the kernel cuts this down to
            // net.core.somaxconn.
            .serverChannelOption(.backlog, value: 16384)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.maxMessagesPerRead, value: 256)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            // A request fits into one read. NIO would otherwise read again only to be told that
            // there is nothing, a system call more for each request.
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        OriginHandler(counter: counter, behaviour: behaviour))
                }
            }
    }
}
