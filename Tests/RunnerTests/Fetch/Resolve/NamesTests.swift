import Foundation
import JobStore
import Synchronization
import TestServer
import TestSupport
import Testing

@testable import Runner

/// Requests to hosts that have names, looked up at a server that does as it is told.
@Suite(.serialized, .timeLimit(.minutes(1))) struct NamesTests {
    private let server: NameServer
    private var crawl = TestCrawl()

    init() throws {
        server = try NameServer()
        crawl.options.fetch.nameServers = server.address
        crawl.options.loops = 1
    }

    @Test(arguments: [
        "k.test", "K.TeSt", "k.test.", "K.Test.", "localhost", "LocalHost", "localhost.",
        "a.localhost", "both.test", "cname-3.test", "silent.for6.test",
    ])
    func aName_isConnectedTo(name: String) async throws {
        let origin = try await Origin.start()
        let counts = try await crawl.fetch(["http://\(name):\(origin.port)/{id}"], count: 30)
        #expect(counts.completed == 30, "\(counts.outcomes)")
        await origin.stop()
    }

    @Test func aNameWithIPv6AddressesAlone_isConnectedTo() async throws {
        let origin = AddressedServer(requestsPerConnection: 3)
        let counts = try await crawl.fetch(["http://v6only.test:\(origin.port)/{id}"], count: 30)
        #expect(counts.completed == 30, "\(counts.outcomes)")
        #expect(Set(origin.requests.map(\.address)) == ["::1"])
    }

    @Test func manyWhoWait_askOnce() async throws {
        let origin = try await Origin.start()
        var crawl = crawl
        crawl.options.workers = 500
        let counts = try await crawl.fetch(
            ["http://slow-300.one.test:\(origin.port)/{id}"], count: 1000)
        #expect(counts.completed == 1000)
        #expect(try server.counts().names["slow-300.one.test"] == 2)
        await origin.stop()
    }

    @Test func aNameThatIsNot_isRememberedForItsOneHost() async throws {
        // Fewer attempts than would hold the host back.
        let counts = try await crawl.fetch(["http://nx.one.test:1/{id}"], count: 5)
        #expect(counts.failed == 5)
        #expect(try server.counts().names["nx.one.test"] == 2)
    }

    @Test(arguments: [("nx", 2...2), ("nodata", 3...3), ("servfail", 4...16), ("silent", 4...16)])
    func ofManyHosts_aNameThatIsNot_failsAtOnce_andTroubleIsRetried(
        labels: String, queries: ClosedRange<Int>
    ) async throws {
        var crawl = crawl
        crawl.options.fetch.connectTimeout = .milliseconds(700)
        // Mostly longer than the 0.1 s trouble counts: of three waits, one at least, so that at least
        // two attempts ask.
        crawl.options.backoff = Backoff(baseMicros: 1_200_000, waitMicrosMax: 1_200_000)
        crawl.options.retries = 3
        let counts = try await crawl.fetch(["http://\(labels).k{id}.test:1/{id}"], count: 3)
        #expect(counts.failed == 3)
        // A query a family, and again of IPv4 where there is no data; two rounds where servers fail.
        let asked = try server.counts().names["\(labels).k1.test", default: 0]
        #expect(queries.contains(asked), "\(asked) queries")
    }

    @Test(arguments: [5])
    func aNewAddress_isFollowed_whereConnectionsAreClosed(requestsPerConnection: Int) async throws {
        // Another address each 2 s by the clock; it counts for 1 s, in libcurl for 2 s more.
        let origin = AddressedServer(requestsPerConnection: requestsPerConnection, millis: 20)
        var crawl = crawl
        crawl.options.workers = 2
        let counts = try await crawl.fetch(
            ["http://turn-2.ttl-1.test:\(origin.port)/{id}"], count: 800)
        #expect(counts.completed == 800, "\(counts.outcomes)")
        var longest = 0.0
        for request in origin.requests {
            var age = 0.0
            while age < 20, request.address != Self.address(at: request.seconds - age) {
                age += 0.05
            }
            longest = max(longest, age)
        }
        print("an address was used for", longest, "s after it had changed")
        #expect(longest < 3.5)
        #expect(Set(origin.requests.map(\.address)).count >= 3)
        let queries = try server.counts().names["turn-2.ttl-1.test", default: 0]
        #expect(queries <= 2 * 12, "\(queries) queries in some 8 s")
    }

    private static func address(at seconds: Double) -> String {
        "127.0.0.\(1 + Int(seconds / 2) % 9)"
    }
}

/// A server at all addresses of this machine, which knows at which it was asked.
private final class AddressedServer: Sendable {
    struct Request {
        let address: String
        /// Unix time.
        let seconds: Double
    }

    let port: Int
    private let listener: Int32
    private let asked = Locked<[Request]>([])
    var requests: [Request] { asked.withLock { $0 } }

    init(requestsPerConnection: Int, millis: UInt32 = 0) {
        let bound = BoundSocket(at: .all).listening(backlog: 64)
        let listener = bound.descriptor
        (port, self.listener) = (bound.port, listener)
        Thread { [weak self] in
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else {
                    // As in OneAnswerServer.
                    close(listener)
                    return
                }
                Thread { [weak self] in
                    for number in 1...requestsPerConnection {
                        guard Self.takeRequest(connection) else { break }
                        self?.note(connection)
                        usleep(millis * 1000)
                        let end = number == requestsPerConnection ? "Connection: close\r\n" : ""
                        let answer = Array(
                            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\(end)\r\n".utf8)
                        _ = write(connection, answer, answer.count)
                    }
                    close(connection)
                }.start()
            }
        }.start()
    }

    deinit { shutdown(listener, Int32(SHUT_RDWR)) }

    private static func takeRequest(_ connection: Int32) -> Bool {
        var text: [UInt8] = []
        var byte: UInt8 = 0
        while !text.ends(with: Array("\r\n\r\n".utf8)) {
            guard read(connection, &byte, 1) == 1 else { return false }
            text.append(byte)
        }
        return true
    }

    private func note(_ connection: Int32) {
        var address = sockaddr_in6()
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = getsockname(connection, $0, &length)
            }
        }
        var name = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 48) { text in
            inet_ntop(AF_INET6, &address.sin6_addr, text.baseAddress, 48)
            return String(cString: text.baseAddress!)
        }
        if name.hasPrefix("::ffff:") { name.removeFirst(7) }
        let request = Request(address: name, seconds: Date().timeIntervalSince1970)
        asked.withLock { $0.append(request) }
    }
}

extension Array where Element: Equatable {
    fileprivate func ends(with end: [Element]) -> Bool { suffix(end.count).elementsEqual(end) }
}
