import Foundation
import TestSupport
import Testing

/// Runs that honour robots.txt. Hosts are reached by a proxy, so that none is of this machine, unless
/// a test is about that.
@Suite(.serialized, .timeLimit(.minutes(5))) struct RobotsTests {
    private let program = Program()

    private func enqueue(_ urls: [String]) async throws {
        write(Array(urls.map { $0 + "\n" }.joined().utf8), to: program.folder.file("urls"))
        try await program.runner("enqueue", "urls").expectSuccess()
    }

    private func run(_ origin: RobotsOrigin, _ arguments: String...) async throws -> Program.Result
    {
        try await program.start("runner", ["run", "-x", origin.url] + arguments).wait()
    }

    /// The outcome of each job, by its URL without the scheme.
    private func outcomes() async throws -> [String: String] {
        let result = try await program.runner("export", "--format", "jsonl")
        result.expectSuccess()
        struct Row: Decodable {
            let url: String
            let state: String
            let outcome: String?
        }
        let rows = try result.out.split(separator: "\n").map {
            try JSONDecoder().decode(Row.self, from: Data($0.utf8))
        }
        return Dictionary(
            uniqueKeysWithValues: rows.map {
                (String($0.url.dropFirst(7)), "\($0.state) \($0.outcome ?? "")")
            })
    }

    // MARK: - Which URLs

    @Test func aList_isFetched_asTheHostsAllow_whoAreAskedOnce() async throws {
        let origin = try await RobotsOrigin()
        let disallowing = ["rules", "packed", "hops-3", "hops-5", "huge", "late", "short", "delay"]
        let allowing = ["none", "auth", "hops-9"]
        let hosts = (disallowing + allowing).map { "\($0).test" }
        let paths = ["/private/a", "/a/../private/b", "/%70rivate/c", "/public?a", "/behind"]
        let urls = hosts.flatMap { host in paths.map { "http://\(host)\($0)" } }
        try await enqueue(urls + ["http://own.test/a", "http://own.test/runner/b"])
        let result = try await run(
            origin, "--workers", "50", "--output", "out", "--output-failures")
        #expect(result.status == 1)
        #expect(
            result.err.contains(
                "robots.txt is honoured for lists of several hosts; --no-robots leaves it out\n"),
            "\(result.err)")

        let outcomes = try await outcomes()
        for host in hosts {
            let isDisallowing = disallowing.contains { host == "\($0).test" }
            for path in paths {
                let isClosed = isDisallowing && path.contains("rivate")
                #expect(
                    outcomes[host + path] == (isClosed ? "failed robots" : "completed 200"),
                    "\(host)\(path)")
            }
        }
        #expect(outcomes["own.test/a"] == "completed 200")
        #expect(outcomes["own.test/runner/b"] == "failed robots")

        let log = try origin.log()
        for host in hosts + ["own.test"] {
            #expect(try origin.asked()[host] == 1, "\(host)")
        }
        let closed = log.filter { asked in
            asked.path.contains("rivate") && disallowing.contains { asked.host == "\($0).test" }
        }
        #expect(closed.isEmpty, "\(closed)")
        #expect(Set(log.map(\.userAgent)) == ["runner/0.1.0"])
        try await program.expectVerified()
    }

    /// What an output keeps, and how much of a body a job may have, is for jobs.
    @Test func robots_areRead_whateverIsKeptOfJobs() async throws {
        let origin = try await RobotsOrigin()
        let hosts = ["rules.test", "hops-3.test", "packed.test"]
        try await enqueue(hosts.flatMap { ["http://\($0)/private", "http://\($0)/a"] })
        let result = try await run(
            origin, "--output", "out", "--format", "warc", "--output-failures", "--max-body", "3",
            "--max-redirs", "0")
        #expect(result.status == 1)
        let outcomes = try await outcomes()
        for host in hosts {
            #expect(outcomes["\(host)/private"] == "failed robots")
            #expect(outcomes["\(host)/a"] == "completed 200")
        }
        try await program.expectVerified()
    }

    @Test func manyDisallowedJobs_takeNoTime() async throws {
        let origin = try await RobotsOrigin()
        let count = 5000
        try await enqueue(
            (0..<count).map { "http://rules.test/private/\($0)" }
                + ["http://rules.test/1", "http://none.test/1"])
        let clock = ContinuousClock()
        let begin = clock.now
        let result = try await run(origin, "--workers", "20")
        #expect(result.status == 1)
        print(count, "disallowed jobs took", clock.now - begin)
        #expect(clock.now - begin < .seconds(60))
        let jobs = try await program.jobs()
        #expect(jobs["failed"] == count && jobs["completed"] == 2)
        #expect(try origin.log().count == 4)
    }

    /// They send nothing.
    @Test(arguments: [["--rate", "2/s"], ["--delay", "1s"], ["--host-rate", "2/s"]])
    func disallowedJobs_takeNoTurn(limit: [String]) async throws {
        let origin = try await RobotsOrigin()
        let count = 100
        try await enqueue((0..<count).map { "http://rules.test/private/\($0)" })
        let clock = ContinuousClock()
        let begin = clock.now
        let run = ["run", "-x", origin.url, "--robots"] + limit
        #expect(try await program.start("runner", run).wait().status == 1)
        #expect(clock.now - begin < .seconds(25), "a turn each takes fifty")
        #expect(try await program.jobs()["failed"] == count)
    }

    /// All of them, where nothing bounds the requests to one host.
    @Test func jobsThatWaitedForRobots_goOutADelayApart() async throws {
        let origin = try await RobotsOrigin()
        let count = 20
        try await program.runner(
            "enqueue", "--range", "0..\(count)", "--url", "http://slow.test/{id}"
        ).expectSuccess()
        #expect(try await run(origin, "--robots", "--workers", "50").status == 0)
        let times = try origin.log().filter { $0.path != "/robots.txt" }.map(\.seconds).sorted()
        #expect(times.count == count)
        // Each delay is from half as long to one and a half times as long.
        let least = 0.1 * Double(count - 1)
        #expect(times[count - 1] - times[0] > least - 0.3, "\(times)")
        #expect(try origin.asked() == ["slow.test": 1])
    }

    // MARK: - Which hosts

    @Test func aRangeOfOneHost_isNotAskedFor_unlessRobotsSays() async throws {
        let origin = try await RobotsOrigin()
        let enqueue = ["enqueue", "--range", "0..5", "--url", "http://rules.test/private/{id}"]
        try await program.start("runner", enqueue).wait().expectSuccess()
        let result = try await run(origin)
        #expect(result.status == 0)
        #expect(
            result.err.contains("robots.txt is not asked for: batches of one host; --robots asks\n")
        )
        #expect(try origin.asked().isEmpty)
        try await program.start("runner", enqueue).wait().expectSuccess()
        let honouring = try await run(origin, "--robots")
        #expect(honouring.status == 1)
        #expect(honouring.err.contains("robots.txt of all hosts is honoured (--robots)\n"))
        #expect(try origin.asked() == ["rules.test": 1])
        #expect(try await program.jobs()["failed"] == 5)
    }

    @Test func aRange_withManyHosts_isAskedFor() async throws {
        let origin = try await RobotsOrigin()
        try await program.runner(
            "enqueue", "--range", "0..6", "--url", "http://rules.h{id}.test/private"
        ).expectSuccess()
        let result = try await run(origin)
        #expect(result.status == 1)
        #expect(try origin.asked().count == 6 && origin.log().count == 6)
    }

    @Test func noRobots_asksNobody() async throws {
        let origin = try await RobotsOrigin()
        try await enqueue(["http://rules.test/private", "http://own.test/runner"])
        let result = try await run(origin, "--no-robots")
        #expect(result.status == 0)
        #expect(result.err.contains("robots.txt is not asked for (--no-robots)\n"))
        #expect(try origin.asked().isEmpty)
    }

    @Test func privateHosts_areTheirOwners_unlessRobotsSays() async throws {
        let origin = try await RobotsOrigin()
        let server = try NameServer()
        let port = origin.port
        // By address, nobody is asked; of a name, the connection tells.
        try await enqueue([
            "http://127.0.0.1:\(port)/private", "http://localhost:\(port)/private",
            "http://rules.test:\(port)/private",
        ])
        let run = ["run", "--dns-servers", server.address]
        #expect(try await program.start("runner", run).wait().status == 0)
        #expect(try origin.asked() == ["rules.test": 1])

        try await enqueue([
            "http://127.0.0.1:\(port)/private/2", "http://rules.test:\(port)/private/2",
        ])
        #expect(try await program.start("runner", run + ["--robots"]).wait().status == 1)
        #expect(try origin.asked() == ["rules.test": 2, "127.0.0.1": 1])
        let outcomes = try await outcomes()
        #expect(outcomes["127.0.0.1:\(port)/private"] == "completed 200")
        #expect(outcomes["127.0.0.1:\(port)/private/2"] == "failed robots")
        #expect(outcomes["rules.test:\(port)/private/2"] == "failed robots")
    }

    // MARK: - Trouble

    @Test func aHost_thatGivesNoRobots_isAskedAgain_andItsJobsWait() async throws {
        let origin = try await RobotsOrigin()
        let hosts = ["away-2.test", "busy-1.test"]
        try await enqueue(hosts.flatMap { ["http://\($0)/private", "http://\($0)/a"] })
        let result = try await run(origin, "--retries", "6")
        #expect(result.status == 1)
        let outcomes = try await outcomes()
        for host in hosts {
            #expect(outcomes["\(host)/private"] == "failed robots")
            #expect(outcomes["\(host)/a"] == "completed 200")
        }
        let asked = try origin.asked()
        #expect(asked["away-2.test"] == 3 && asked["busy-1.test"] == 2)
    }

    /// The user's rules on answers are for the answers of jobs.
    @Test(arguments: [["--complete-on", "4xx,5xx"], ["--fail-on", "5xx"]])
    func trouble_isNotJudgedByTheRulesForJobs(rules: [String]) async throws {
        let origin = try await RobotsOrigin()
        try await enqueue([
            "http://away-2.test/a", "http://away-999.test/a", "http://rules.test/a",
        ])
        let result = try await program.start(
            "runner",
            ["run", "-x", origin.url, "--retries", "4", "--retry-delay", "0.05"] + rules
        ).wait()
        #expect(result.status == 1)
        let outcomes = try await outcomes()
        #expect(outcomes["away-2.test/a"] == "completed 200")
        #expect(outcomes["away-999.test/a"] == "failed 503")
        #expect(try origin.asked()["away-999.test"] == 5)
    }

    @Test(arguments: ["jsonl", "warc", "files"])
    func aHost_thatStaysAway_failsItsJobs_asIfTheyHadBeenAskedFor(format: String) async throws {
        let origin = try await RobotsOrigin()
        try await enqueue([
            "http://away-999.test/a", "http://away-999.test/b", "http://rules.test/a",
        ])
        let result = try await run(
            origin, "--retries", "0", "--output", "out", "--output-failures", "--format", format)
        #expect(result.status == 1)
        let outcomes = try await outcomes()
        #expect(outcomes["away-999.test/a"] == "failed 503")
        #expect(outcomes["away-999.test/b"] == "failed 503")
        #expect(outcomes["rules.test/a"] == "completed 200")
        #expect(try origin.log().filter { $0.path == "/a" }.map(\.host) == ["rules.test"])
        try await program.expectVerified()
    }

    @Test func connectionsThatBreak_areRetried_andNamesThatAreNone_fail() async throws {
        let origin = try await RobotsOrigin()
        let server = try NameServer()
        let port = origin.port
        try await enqueue([
            "http://cut-1.test:\(port)/private", "http://cut-1.test:\(port)/a",
            "http://nx.a.test:\(port)/a", "http://a-127-0-0-9.b.test:\(port)/a",
        ])
        let result = try await program.start(
            "runner",
            ["run", "--robots", "--retries", "3", "--dns-servers", server.address]
        ).wait()
        #expect(result.status == 1)
        let outcomes = try await outcomes()
        #expect(outcomes["cut-1.test:\(port)/private"] == "failed robots")
        #expect(outcomes["cut-1.test:\(port)/a"] == "completed 200")
        #expect(outcomes["nx.a.test:\(port)/a"] == "failed dns")
        #expect(outcomes["a-127-0-0-9.b.test:\(port)/a"] == "failed connect")
        #expect(try origin.asked()["cut-1.test"] == 2)
    }

    // MARK: - Restarts

    @Test func aKilledRun_doesNotAskAgain() async throws {
        let origin = try await RobotsOrigin()
        let hosts = (0..<20).map { "rules.h\($0).test" }
        try await enqueue(
            hosts.flatMap { host in
                (0..<200).map { "http://\(host)/\($0 % 10 == 0 ? "private/" : "")\($0)" }
            })
        let run = try program.start("runner", ["run", "-x", origin.url, "--workers", "40"])
        try await run.wait {
            let kept = try await program.start(
                "/usr/bin/sqlite3", ["-readonly", "runner.db", "SELECT count(*) FROM robots"]
            ).wait()
            return kept.out == "20\n"
        }
        run.kill(SIGKILL)
        _ = await run.wait()
        let before = try origin.log().count
        #expect(before < 20 * 181, "killed too late")
        #expect(try await self.run(origin, "--workers", "40").status == 1)
        #expect(try origin.asked() == Dictionary(uniqueKeysWithValues: hosts.map { ($0, 1) }))
        let jobs = try await program.jobs()
        #expect(jobs["failed"] == 400 && jobs["completed"] == 3600)
        try await program.expectSoundQueue()
        // Another crawler asks anew.
        try await enqueue(hosts.map { "http://\($0)/new" })
        #expect(try await self.run(origin, "-A", "other/1.0").status == 1)
        #expect(try origin.asked().values.allSatisfy { $0 == 2 })
    }

    // MARK: - Names

    @Test func theCrawler_saysWhoItIs() async throws {
        let origin = try await RobotsOrigin()
        try await enqueue(["http://own.test/a", "http://none.test/a"])
        let result = try await run(origin, "--contact", "https://example.com/bot")
        #expect(result.status == 0)
        let agents = try Set(origin.log().map(\.userAgent))
        #expect(agents == ["runner/0.1.0 (+https://example.com/bot)"])
        // One of another name has other rules.
        try await enqueue(["http://own.test/b", "http://none.test/b"])
        #expect(try await run(origin, "-A", "examplebot/2.0").status == 1)
        #expect(try await outcomes()["own.test/b"] == "failed robots")
        #expect(try origin.log().contains { $0.userAgent == "examplebot/2.0" })
        for (arguments, problem) in [
            (["--contact", "me"], "--contact is 'me'; give a URL or an email address"),
            (["--contact", "a@b c"], "--contact is 'a@b c'"),
            (["--contact", "a@b", "-A", "x"], "write it into that of --user-agent"),
        ] {
            try await program.start("runner", ["run"] + arguments).wait().expectRefusal(2, problem)
        }
    }

    // MARK: - The command

    private func robots(_ origin: RobotsOrigin, _ arguments: String...) async throws
        -> Program.Result
    {
        try await program.start("runner", ["robots", "-x", origin.url] + arguments).wait()
    }

    @Test func robots_showsWhatHolds() async throws {
        let origin = try await RobotsOrigin()
        let delay = try await robots(origin, "http://delay.test/private/a?b")
        delay.expectSuccess()
        #expect(
            delay.out == """
                http://delay.test/robots.txt: 200
                rules for all (*), as none are for runner
                  Disallow: /private
                crawl delay
                  0.2 s
                sitemaps
                  http://sitemaps.test/1.xml
                /private/a?b is disallowed by Disallow: /private

                """)
        let own = try await robots(origin, "http://user:word@own.test")
        #expect(
            own.out == """
                http://own.test/robots.txt: 200
                rules for runner
                  Disallow: /runner
                / is allowed

                """)
        let other = try await robots(origin, "http://own.test/robots.txt", "--agent", "examplebot")
        #expect(
            other.out == """
                http://own.test/robots.txt: 200
                rules for all (*), as none are for examplebot
                  Disallow: /

                """)
        let none = try await robots(origin, "http://none.test/private")
        #expect(
            none.out == """
                http://none.test/robots.txt: 404
                no rules for runner
                /private is allowed

                """)
        let hops = try await robots(origin, "http://hops-5.test/a", "--json")
        let place = "http://elsewhere.test:\(origin.port)/elsewhere/robots.txt"
        #expect(
            hops.out == """
                {"agent":"runner","allowed":true,"crawl_delay_s":null,"group":"all","path":"/a",\
                "robots_url":"\(place)","rule":null,"rules":["Disallow: /private"],\
                "sitemaps":["http://sitemaps.test/1.xml"],"status":200}

                """)
        #expect(try Set(origin.log().map(\.userAgent)) == ["runner/0.1.0"])
    }

    /// As a run has it.
    @Test func robots_saysThatThereAreNoRules_afterManyRedirects() async throws {
        let origin = try await RobotsOrigin()
        let hops = try await robots(origin, "http://hops-9.test/private")
        hops.expectSuccess()
        #expect(
            hops.out == """
                http://hops-9.test/robots.txt: 302; it redirects more than 5 times, so there are no rules
                no rules for runner
                /private is allowed

                """)
    }

    @Test func robots_saysWhy_whenNothingIsKnown() async throws {
        let origin = try await RobotsOrigin()
        try await robots(origin, "http://away-9.test/").expectRefusal(
            3, "http://away-9.test/robots.txt answers with 503")
        try await program.runner("robots", "http://127.0.0.1:1/").expectRefusal(
            3, "http://127.0.0.1:1/robots.txt cannot be fetched")
        try await program.runner("robots", "example.com").expectRefusal(2, "write it as https://")
        try await program.runner("robots", "ftp://example.com/").expectRefusal(
            2, "ftp://example.com/")
        try await program.runner("robots", "http://a/", "--agent", "a b").expectRefusal(
            2, "--agent is 'a b'; give a name of letters")
    }
}
