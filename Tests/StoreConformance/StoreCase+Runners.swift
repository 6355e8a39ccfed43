import JobStore
import TestSupport
import Testing

extension StoreCase {
    static let runners: [StoreCase] = [
        StoreCase("hosts_thatPushBack_areRememberedForTheNextRunner") { store in
            let queue = try await store.attached(1)
            #expect(queue.lease.attachment.hosts.isEmpty)
            store.clock.unixMicros = 1_000_000
            let held = HostPace(host: "http://a", wait: .seconds(5), requestsPerSecond: 12.5)
            let slow = HostPace(host: "http://b", wait: .zero, requestsPerSecond: 3)
            try await queue.renew(Heartbeat(requestsPerSecond: 1, hosts: [held, slow]))
            try await queue.detach()

            store.clock.unixMicros = 3_000_000
            let second = try await queue.attach(RunnerDescription(pid: 2, workers: 1))
            let paces = second.hosts.sorted { $0.host < $1.host }
            #expect(
                paces == [
                    HostPace(host: "http://a", wait: .seconds(3), requestsPerSecond: 12.5), slow,
                ])
            // One that is free is forgotten.
            let free = HostPace(host: "http://a", wait: .zero, requestsPerSecond: nil)
            try await queue.renew(Heartbeat(requestsPerSecond: 1, hosts: [free]))
            try await queue.detach()
            store.clock.unixMicros += 3_600_000_000
            let third = try await queue.attach(RunnerDescription(pid: 3, workers: 1))
            #expect(third.hosts.map(\.host) == ["http://b"])
            try await queue.detach()
            store.clock.unixMicros += 24 * 3_600_000_000
            let last = try await queue.attach(RunnerDescription(pid: 4, workers: 1))
            #expect(last.hosts.isEmpty)
        },
        StoreCase("hostsHeldBack_areThoseThatPushBackNow_theWorstFirst") { store in
            let queue = try await store.attached(1)
            #expect(try await queue.queue.hostsHeldBack(limit: 10).isEmpty)
            store.clock.unixMicros = 1_000_000
            func pace(_ host: String, _ seconds: Int, _ rate: Double? = nil) -> HostPace {
                HostPace(host: host, wait: .seconds(seconds), requestsPerSecond: rate)
            }
            let hosts = [
                pace("http://over", 1), pace("http://fast", 0, 50), pace("http://slow", 1, 2),
                pace("http://long", 60), pace("http://short", 30, 9), pace("http://b", 60, 9),
                .ofRun(wait: .seconds(500)),
            ]
            try await queue.renew(Heartbeat(requestsPerSecond: 1, hosts: hosts))
            store.clock.unixMicros += 10_000_000
            let held = [
                pace("http://b", 50, 9), pace("http://long", 50), pace("http://short", 20, 9),
                pace("http://slow", 0, 2), pace("http://fast", 0, 50),
            ]
            #expect(try await queue.queue.hostsHeldBack(limit: 10) == held)
            #expect(try await queue.queue.hostsHeldBack(limit: 2) == Array(held.prefix(2)))
            // Also when no run is going on, until they are forgotten.
            try await queue.detach()
            #expect(try await queue.queue.hostsHeldBack(limit: 10) == held)
            store.clock.unixMicros += 24 * 3_600_000_000
            #expect(try await queue.queue.hostsHeldBack(limit: 10).isEmpty)
        },
        StoreCase("measures_areThoseReportedLast_ofTheLiveRun") { store in
            let queue = try await store.attached(1)
            #expect(try await queue.counts().runs.first?.measures == nil)
            for measures in ["a", nil, "{\"b\":1}", nil] {
                try await queue.renew(Heartbeat(requestsPerSecond: 1, measures: measures))
            }
            #expect(try await queue.counts().runs.first?.measures == "{\"b\":1}")
            try await queue.detach()
            _ = try await queue.attach(RunnerDescription(pid: 2, workers: 1))
            #expect(try await queue.counts().runs.first?.measures == nil)
        },
        StoreCase("settings_areKept_untilKeptAnew") { store in
            let queue = try await store.attached(1)
            #expect(try await queue.queue.setting("x") == nil)
            try await queue.queue.keep("1", as: "x")
            try await queue.queue.keep("2", as: "x")
            try await queue.queue.keep("3", as: "y")
            await queue.close()
            let next = try await store.open()
            #expect(try await next.queue.setting("x") == "2")
            try await next.queue.keep(nil, as: "x")
            #expect(try await next.queue.setting("x") == nil)
            #expect(try await next.queue.setting("y") == "3")
        },
        StoreCase("pauses_areKept_andSeenByTheRunner") { store in
            let queue = try await store.attached(1)
            #expect(try await !queue.queue.isPaused())
            #expect(try await queue.lease.steering() == Steering())
            let other = try await store.open()
            #expect(try await other.queue.setPaused(true))
            #expect(try await !other.queue.setPaused(true))
            #expect(try await queue.lease.steering() == Steering(isPaused: true))
            await other.close()
            try await queue.detach()
            _ = try await queue.attach(RunnerDescription(pid: 2, workers: 1))
            #expect(try await queue.lease.steering().isPaused)
            #expect(try await queue.queue.setPaused(false))
            #expect(try await !queue.lease.steering().isPaused)
            try await store.expectSound(queue)
        },
        StoreCase("wishesForLimits_areOfOneRunner_andSayWhenTheyAreTaken") { store in
            let queue = try await store.attached(1)
            let other = try await store.open()
            let run = try #require(try await other.counts().runs.first)
            #expect(run.limits.isEmpty && run.wish == 0 && run.wishTaken == 0)
            let first = try await other.queue.ask(["a": "1", "b": "2"], of: run.id)
            let second = try #require(try await other.queue.ask(["b": "3"], of: run.id))
            #expect(first == 1 && second == 2)
            let steering = Steering(limits: ["a": "1", "b": "3"], wish: second)
            #expect(try await queue.lease.steering() == steering)
            var seen = try await other.counts().runs.first
            #expect(seen?.limits == steering.limits && seen?.wish == 2 && seen?.wishTaken == 0)
            try await queue.lease.took(wish: second)
            seen = try await other.counts().runs.first
            #expect(seen?.wishTaken == 2 && seen?.id == run.id)
            try await queue.detach()
            // Nobody is there to hear of it, and the next runner does not.
            #expect(try await other.queue.ask(["a": "4"], of: run.id) == nil)
            _ = try await queue.attach(RunnerDescription(pid: 2, workers: 1))
            #expect(try await other.queue.ask(["a": "4"], of: run.id) == nil)
            #expect(try await queue.lease.steering() == Steering())
            let next = try await other.counts().runs.first
            #expect(next?.id != run.id && next?.limits == [:] && next?.wishTaken == 0)
            try await store.expectSound(queue)
        },
        StoreCase("robots_areKept_whileTheyCount") { store in
            let queue = try await store.attached(1)
            store.clock.unixMicros = 1_000_000
            let (a, b) = ("http://a", "https://b:8443")
            func record(_ origin: String, _ body: String, _ lifetime: Duration) -> RobotsRecord {
                RobotsRecord(
                    origin: origin, status: 200, body: Array(body.utf8), lifetime: lifetime)
            }
            #expect(try await queue.queue.robots(of: a) == nil)
            try await queue.queue.keep([record(a, "old", .seconds(9)), record(b, "", .seconds(60))])
            try await queue.queue.keep([record(a, "new", .seconds(172_800))])
            await queue.close()
            store.clock.unixMicros += 10_000_000
            let next = try await store.open()
            // A day at most.
            #expect(try await next.queue.robots(of: a) == record(a, "new", .seconds(86_390)))
            #expect(try await next.queue.robots(of: b) == record(b, "", .seconds(50)))
            store.clock.unixMicros += 50_000_000
            #expect(try await next.queue.robots(of: b) == nil)
            #expect(try await next.queue.robots(of: a) != nil)
            // The clock was set back.
            store.clock.unixMicros = 999_999
            #expect(try await next.queue.robots(of: a) == nil)
            await next.close()
        },
        StoreCase("attach_rescuesWhatADeadRunnerHeld") { store in
            var queue: StoreClient? = try await store.attached(10_000)
            let segments = try await queue!.claim(jobs: 8192)
            try await queue!.commit(store.marks(segments[0], ok) { $0 < 1000 }, heartbeat: beat)
            await queue!.close()  // without detaching: as a killed process leaves it
            queue = nil

            let next = try await store.open()
            let attachment = try await next.attach(RunnerDescription(pid: 2, workers: 10))
            #expect(attachment.rescued == 2 * 4096 - 1000)
            #expect(attachment.mayRepeat > 0 && attachment.mayRepeat <= attachment.rescued)
            #expect(attachment.counts.available == 9000 && attachment.counts.completed == 1000)
            try await store.expectSound(next)
            var positions: Set<Int> = []
            while let segment = try await next.claim(jobs: 1).first {
                positions.formUnion(segment.todo.flatMap { $0 })
            }
            #expect(positions == Set(1000..<10_000))
            await next.close()
        },
        StoreCase("attach_isRefused_whileAnotherRunnerLives_whereThatIsTheRule") { store in
            let queue = try await store.attached(10)
            let other = try await store.open()
            guard !queue.queue.allowsManyRunners else { return }
            let error = await #expect(throws: QueueError.self) {
                try await other.attach(RunnerDescription(pid: 2, workers: 1))
            }
            #expect(error?.code == .inUse)
            #expect(error?.description.contains("process 1 ") == true)
            #expect(try await other.counts().runs.first?.pid == 1)
            try await queue.detach()
            _ = try await other.attach(RunnerDescription(pid: 2, workers: 1))
            await other.close()
            await queue.close()
        },
        StoreCase("detach_givesEverythingBack") { store in
            let queue = try await store.attached(10_000)
            let segments = try await queue.claim(jobs: 8192)
            try await queue.commit(store.marks(segments[1], ok) { $0 < 5000 }, heartbeat: beat)
            try await queue.detach()
            let counts = try await queue.counts()
            #expect(
                counts.running == 0 && counts.completed == 904 && counts.available == 9096
                    && counts.runs.isEmpty)
            try await store.expectSound(queue)
            let attachment = try await queue.attach(RunnerDescription(pid: 1, workers: 1))
            #expect(attachment.rescued == 0 && attachment.mayRepeat == 0)
            await queue.close()
        },
        StoreCase("abandon_leavesWhatAKillLeaves") { store in
            let queue = try await store.attached(10_000)
            _ = try await queue.claim(jobs: 1)
            await queue.abandon()
            await store.expectFenced { try await queue.renew(beat) }
            #expect(try await queue.counts().runs.isEmpty)
            // By the same connection, or another.
            let again = try await queue.attach(RunnerDescription(pid: 1, workers: 1))
            #expect(again.rescued == 4096)
            await queue.abandon()
            let other = try await store.open()
            let next = try await other.attach(RunnerDescription(pid: 2, workers: 1))
            #expect(next.rescued == 0 && next.counts.available == 10_000)
            await other.close()
            await queue.close()
        },
        // As two runs of one process would.
        StoreCase("attach_isRefused_toAConnectionThatHasARunner_whereOneIsTheRule") { store in
            let queue = try await store.attached(10)
            guard !queue.queue.allowsManyRunners else { return }
            let segment = try await queue.claim(jobs: 1)[0]
            let error = await #expect(throws: QueueError.self) {
                try await queue.queue.attach(RunnerDescription(pid: 1, workers: 1))
            }
            #expect(error?.code == .inUse)
            try await queue.commit(store.marks(segment, ok), heartbeat: beat)
            await queue.close()
        },
        StoreCase("detach_endsTheLease") { store in
            let queue = try await store.attached(10)
            let segment = try await queue.claim(jobs: 1)[0]
            try await queue.detach()
            await store.expectFenced { _ = try await queue.claim(jobs: 1) }
            await store.expectFenced { _ = try await queue.claimRetries(dueAt: 0, limit: 1) }
            await store.expectFenced {
                try await queue.commit(store.marks(segment, ok), heartbeat: beat)
            }
            await store.expectFenced { try await queue.renew(beat) }
            await store.expectFenced { try await queue.detach() }
            #expect(try await queue.counts().available == 10)
            await queue.close()
        },
        StoreCase("renew_tellsOfTheRunner_andMarksNothing") { store in
            let queue = try await store.attached(10)
            _ = try await queue.claim(jobs: 1)
            try await queue.renew(Heartbeat(requestsPerSecond: 7, trouble: "away"))
            store.clock.unixMicros += 2_000_000
            let counts = try await queue.counts()
            let run = try #require(counts.runs.first)
            #expect(run.requestsPerSecond == 7 && run.trouble == "away" && counts.running == 10)
            #expect(run.heartbeatAge == .seconds(2) && !run.host.isEmpty)
            await queue.close()
        },
        // Two runners share the jobs, see each other, and each waits for what the other holds.
        StoreCase("attach_takesManyRunners_whereThatIsTheRule") { store in
            let first = try await store.attached(2 * Segment.countMax)
            guard first.queue.allowsManyRunners else { return }
            let second = try await store.open()
            try await second.attach(RunnerDescription(pid: 2, workers: 20, host: "elsewhere"))
            let (mine, others) = (
                try await first.claim(jobs: 1), try await second.claim(jobs: 1)
            )
            #expect(mine[0].todo == [0..<4096] && others[0].todo == [4096..<8192])
            #expect(try await first.counts().runs.map(\.pid) == [2, 1])
            #expect(try await first.counts().runs.map(\.host).first == "elsewhere")
            await store.expectFenced {
                try await first.commit(store.marks(others[0], ok), heartbeat: beat)
            }
            try await first.commit(store.marks(mine[0], ok), heartbeat: beat)
            guard case .after(let wait) = try await first.nextClaim() else {
                Issue.record("the queue is not finished while another runner holds jobs")
                return
            }
            #expect(wait > .zero)
            // A dead runner's jobs go to whoever attaches or claims next.
            await second.close()
            let third = try await store.open()
            let attachment = try await third.attach(RunnerDescription(pid: 3, workers: 1))
            #expect(attachment.rescued == 4096)
            let rescued = try await third.claim(jobs: 1)
            #expect(rescued.map(\.todo) == [[4096..<8192]])
            try await third.commit(store.marks(rescued[0], ok), heartbeat: beat)
            #expect(try await first.nextClaim() == .finished)
            try await store.expectSound(first)
            await third.close()
            await first.close()
        },
        StoreCase("trouble_endsWithItsRunner") { store in
            let queue = try await store.attached(10)
            let other = try await store.open()
            try await queue.commit([], heartbeat: Heartbeat(requestsPerSecond: 0, trouble: "away"))
            try await queue.detach()
            #expect(try await other.counts().runs.isEmpty)
            _ = try await other.attach(RunnerDescription(pid: 2, workers: 1))
            #expect(try await other.counts().runs.first?.trouble == nil)
            await other.close()
            await queue.close()
        },
    ]
}
