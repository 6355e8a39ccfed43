import Foundation
import TestSupport
import Testing

@testable import Runner

/// c-ares against name servers that do as the names they are asked for say (`name_server.py`).
@Suite(.serialized, .timeLimit(.minutes(2))) struct AresLookupsTests {
    private let server: NameServer
    private let folder = Folder()

    init() throws { server = try NameServer() }

    /// Lookups with a configuration of the test's own; a timeout is a second, and there is one round.
    private func lookups(
        _ servers: [String]? = nil, _ lines: String = "options timeout:1 attempts:1"
    ) -> PolledLookups {
        let file = folder.file("resolv.conf")
        write(Array((lines + "\n").utf8), to: file)
        return PolledLookups(
            servers: (servers ?? [server.address]).joined(separator: ","), configuration: file,
            hosts: HostsFile(path: folder.file("hosts")))
    }

    @Test(arguments: [
        ("k.test", "127.0.0.1"), ("K.TeSt", "127.0.0.1"), ("k.test.", "127.0.0.1"),
        ("a-127-0-0-2.a-127-0-0-3.test", "127.0.0.2,127.0.0.3"), ("v6only.test", "[::1]"),
        ("cname-3.test", "127.0.0.1"), ("tc.test", "127.0.0.1"), ("flaky-2.test", "127.0.0.1"),
        ("wrong-then-right.test", "127.0.0.1"), ("slow-300.test", "127.0.0.1"),
        ("servfail.for6.test", "127.0.0.1"), ("nx.for6.test", "127.0.0.1"),
        ("1234567890123456789.test", "127.0.0.1"), ("under_score.test", "127.0.0.1"),
        ("xn--bcher-kva.test", "127.0.0.1"),
    ])
    func aName_hasItsAddresses(name: String, expected: String) throws {
        // Two rounds, for those that are refused once.
        let lookups = lookups(nil, "options timeout:1 attempts:2")
        #expect(try lookups.answer(name) == .addresses(expected))
    }

    @Test func bothFamilies_andNoMoreThan16Addresses_areGiven() throws {
        let lookups = lookups()
        guard case .addresses(let both) = try lookups.answer("both.test"),
            case .addresses(let many) = try lookups.answer("many-200.test")
        else {
            Issue.record("no addresses")
            return
        }
        #expect(Set(both.split(separator: ",")) == ["127.0.0.1", "[::1]"])
        #expect(Set(many.split(separator: ",")).count == 16)
    }

    @Test(arguments: [
        "nx.test", "nodata.test", "cname-out.test", "nx.tc.test", "a..test", ".test",
        String(repeating: "x", count: 64) + ".test",
        String(repeating: "label.", count: 50) + "test",
    ])
    func whatHasNoAddress_isNoSuchName(name: String) throws {
        #expect(try lookups().answer(name) == .noSuchName)
    }

    @Test(arguments: [
        "servfail.test", "refused.test", "notimp.test", "tc-only.test", "silent.test",
        "garbage.test", "empty.test", "short.test", "wrong-id.test", "wrong-question.test",
        // One family is known to have no address, of the other nothing is known.
        "silent.for4.test", "servfail.for4.slow6-300.test", "servfail.for4.test",
    ])
    func whatNoServerAnswers_isTrouble(name: String) throws {
        let answer = try lookups().answer(name)
        guard case .trouble(let message) = answer else {
            Issue.record("\(name): \(answer)")
            return
        }
        #expect(!message.isEmpty)
    }

    @Test(arguments: ["bad-pointer.test", "loop-pointer.test", "long-length.test", "formerr.test"])
    func whatIsMalformed_isNoAddress_andCrashesNothing(name: String) throws {
        if case .addresses(let addresses) = try lookups().answer(name) {
            Issue.record("\(name): \(addresses)")
        }
    }

    @Test func aLoopOfAliases_ends() throws {
        let answer = try lookups().answer("cname-loop.test")
        #expect(answer != .addresses(""))
        if case .addresses(let addresses) = answer { Issue.record("\(addresses)") }
    }

    @Test func aServerThatKeepsQuietAboutIPv6_costsNoMoreThanTheFirstTimeout() throws {
        // Three of them: a round of timeouts takes longer than the connect timeout.
        let others = try (0..<2).map { _ in try NameServer() }
        let lookups = lookups([server.address] + others.map(\.address), "")
        let started = ContinuousClock.now
        #expect(try lookups.answer("silent.for6.test") == .addresses("127.0.0.1"))
        #expect(ContinuousClock.now - started < .seconds(4))
    }

    // MARK: - Servers

    /// Seconds that a name takes.
    private func seconds(_ name: String, _ lookups: PolledLookups) throws -> Double {
        let started = ContinuousClock.now
        #expect(try lookups.answer(name) == .addresses("127.0.0.1"))
        return (ContinuousClock.now - started) / .seconds(1)
    }

    @Test(arguments: [1, 2])
    func deadServers_areAskedLast_onceTheyWereFound(count: Int) throws {
        let dead = (0..<count).map { _ in BlackHole() }
        let lookups = lookups(dead.map(\.address) + [server.address])
        let times = try (0..<6).map { try seconds("k\($0).test", lookups) }
        print("seconds with \(count) dead servers in front:", times)
        #expect(times[0] >= Double(count))
        #expect(times[3...].allSatisfy { $0 < 0.7 }, "\(times)")
    }

    @Test func aServerThatIsSlowWithOneName_staysWhereItIs() throws {
        let dead = BlackHole()
        let lookups = lookups([server.address, dead.address])
        for round in 0..<3 {
            _ = try seconds("slow-1500.k\(round).test", lookups)
            let next = try seconds("k\(round).test", lookups)
            #expect(next < 0.7)
        }
    }

    @Test func aServerThatRefusesConnections_isAskedLast_onceItWasFound() throws {
        let closed = "127.0.0.1:\(freePort())"
        let lookups = lookups([closed, server.address])
        let times = try (0..<6).map { try seconds("k\($0).test", lookups) }
        #expect(times.allSatisfy { $0 < 1.5 } && times[3...].allSatisfy { $0 < 0.7 }, "\(times)")
    }

    @Test func aServerThatLies_isPassedAtOnce() throws {
        let liar = try NameServer("--as", "servfail")
        let lookups = lookups([liar.address, server.address])
        #expect(try seconds("k.test", lookups) < 0.7)
    }

    // MARK: - Search domains

    @Test func searchDomains_andNdots_areHeeded() throws {
        let lines = "search x.test\noptions timeout:1 attempts:1 ndots:2"
        let lookups = lookups(nil, lines)
        #expect(try lookups.answer("a-127-0-0-5") == .addresses("127.0.0.5"))
        #expect(try server.counts().names["a-127-0-0-5.x.test"] == 2)
        // With one dot it is less than absolute, too; with one at its end it is nothing else.
        #expect(try lookups.answer("nx.k") == .noSuchName)
        #expect(try server.counts().names["nx.k.x.test"] == 2)
        #expect(try server.counts().names["nx.k"] == 2)
        #expect(try lookups.answer("nx.j.") == .noSuchName)
        #expect(try server.counts().names["nx.j.x.test"] == nil)
    }

    @Test func aSearchDomain_isNotAsked_whereTheNameItselfIsInTrouble() throws {
        let lookups = lookups(nil, "search x.test\noptions timeout:1 attempts:1 ndots:1")
        guard case .trouble = try lookups.answer("servfail.k.test") else {
            Issue.record("no trouble")
            return
        }
        #expect(try server.counts().names["servfail.k.test.x.test"] == nil)
    }

    // MARK: - Files

    @Test func names_ofTheHostsFile_areNotAskedFor_andItsChangesAreFollowed() async throws {
        let hosts = folder.file("hosts")
        write(Array("127.0.0.7\tMine.test other # not\n::1 mine.test\n".utf8), to: hosts)
        let lookups = lookups()
        #expect(try lookups.answer("mine.test") == .addresses("127.0.0.7,[::1]"))
        #expect(try lookups.answer("other") == .addresses("127.0.0.7"))
        #expect(try lookups.answer("not") != .addresses("127.0.0.7"))
        #expect(try server.counts().names["mine.test"] == nil)
        write(Array("127.0.0.8 mine.test\n".utf8), to: hosts)
        // Looked at once a second.
        try await Task.sleep(for: .milliseconds(1100))
        #expect(try lookups.answer("mine.test") == .addresses("127.0.0.8"))
    }

    @Test func aConfigurationThatCannotBeRead_isAnEmptyOne() throws {
        let file = folder.file("loop.conf")
        symlink(file, file)
        let lookups = PolledLookups(
            servers: server.address, configuration: file,
            hosts: HostsFile(path: folder.file("hosts")))
        #expect(try lookups.answer("k.test") == .addresses("127.0.0.1"))
    }

    @Test(
        arguments: [
            ("", nil), ("options timeout:3", 3), ("#options timeout:3", nil), ("timeout:3", nil),
            ("options ndots:2\ttimeout:3 timeout:4\noptions timeout:x", 4),
        ] as [(String, Int32?)])
    func options_areRead(text: String, seconds: Int32?) {
        #expect(AresLookups.option("timeout", in: text) == seconds)
    }

    @Test func aConfigurationWithoutServers_hasThoseThatAreGiven() throws {
        #expect(try lookups([server.address], "").answer("k.test") == .addresses("127.0.0.1"))
        #expect(
            try lookups([server.address], "nameserver x\noptions bogus:1\n\u{0}\u{FF}")
                .answer("k.test") == .addresses("127.0.0.1"))
    }

    // MARK: - The end

    @Test func closing_tellsAllWhoWait() throws {
        let lookups = lookups()
        var answers: [NameAnswer] = []
        for number in 0..<1000 {
            lookups.source.ask("silent.k\(number).test") { answer, _ in answers.append(answer) }
        }
        let started = ContinuousClock.now
        lookups.source.close()
        #expect(answers.count == 1000)
        #expect(ContinuousClock.now - started < .seconds(1))
        #expect(lookups.source.deadlineMicros == .max)
    }

    @Test func lookups_areBounded() throws {
        let lookups = lookups([BlackHole().address])
        var refused = 0
        for number in 0..<20_100 {
            lookups.source.ask("k\(number).test") { _, _ in refused += 1 }
        }
        #expect(refused == 100)
    }
}

/// `AresLookups` driven by `poll`, as an event loop drives it.
final class PolledLookups: LookupSockets {
    private(set) var source: AresLookups! = nil
    private var wishes: [Int32: Int16] = [:]

    init(servers: String?, configuration: String, hosts: HostsFile) {
        source = AresLookups(
            self, servers: servers, configuration: configuration, hosts: hosts)
    }

    deinit { source.close() }

    func watch(_ descriptor: Int32, reads: Bool, writes: Bool) {
        let events = (reads ? Int16(POLLIN) : 0) | (writes ? Int16(POLLOUT) : 0)
        wishes[descriptor] = events == 0 ? nil : events
    }

    struct NoAnswer: Error {}

    func answer(_ name: String, seconds: Double = 40) throws -> NameAnswer {
        var found: NameAnswer?
        source.ask(name) { answer, _ in found = answer }
        let deadline = ContinuousClock.now + .seconds(seconds)
        while true {
            if let found { return found }
            guard ContinuousClock.now < deadline else { throw NoAnswer() }
            turn()
        }
    }

    private func turn() {
        var polled = wishes.map { pollfd(fd: $0.key, events: $0.value, revents: 0) }
        poll(&polled, nfds_t(polled.count), 10)
        for found in polled where found.revents != 0 {
            let isBroken = Int32(found.revents) & (POLLERR | POLLHUP) != 0
            source.ready(
                found.fd, reads: isBroken || Int32(found.revents) & POLLIN != 0,
                writes: Int32(found.revents) & POLLOUT != 0)
        }
        let now = Now.read()
        if source.deadlineMicros <= now.monotonicMicros { source.tick(at: now) }
    }
}
