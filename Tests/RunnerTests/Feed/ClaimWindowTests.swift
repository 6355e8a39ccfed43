import JobStore
import Testing

@testable import Runner

struct ClaimWindowTests {
    private func window(workers: Int = 10, holdMicros: Int? = 15_000_000) -> ClaimWindow {
        var limits = JobFeed.Limits()
        limits.workers = workers
        limits.holdMicros = holdMicros
        return ClaimWindow(limits)
    }

    /// Claims each `ms`, with as many ended as `ended` says of the window, so many times.
    private func claim(
        _ window: inout ClaimWindow, times: Int, everyMs ms: Int, ended: (Int) -> Int
    ) {
        window.claims(workers: 10, at: .at(ms: 0))
        for time in 1...times {
            window.ended(ended(window.jobs))
            window.claims(workers: 10, at: .at(ms: time * ms))
        }
    }

    @Test func aRunAlone_keepsAsManyAsItLikes() {
        var alone = window(holdMicros: nil)
        claim(&alone, times: 5, everyMs: 100_000) { _ in 1 }
        #expect(alone.jobs == JobFeed.Limits().ready)
    }

    @Test func aRunAmongOthers_beginsWithFew() {
        #expect(window(workers: 10).jobs == 64)
        #expect(window(workers: 1000).jobs == 2000)
        #expect(window(workers: .max / 4).jobs == JobFeed.Limits().ready)
    }

    @Test func aQuickRun_hasTwiceAsManyEachTime() {
        var quick = window()
        claim(&quick, times: 3, everyMs: 10) { $0 }
        #expect(quick.jobs == 512)
        claim(&quick, times: 20, everyMs: 10) { $0 }
        #expect(quick.jobs == JobFeed.Limits().ready)
    }

    @Test func whatARunClaims_lastsAQuarterOfAMinute() {
        var steady = window()
        // 20 a second.
        claim(&steady, times: 1, everyMs: 5000) { _ in 100 }
        #expect(steady.jobs == 300)
        claim(&steady, times: 10, everyMs: 5000) { _ in 100 }
        #expect(steady.jobs == 300)
    }

    @Test func aRunThatGetsSlow_hasHalfEachTime_andNeverTooFew() {
        var slow = window()
        claim(&slow, times: 20, everyMs: 10) { $0 }
        claim(&slow, times: 2, everyMs: 60_000) { _ in 1 }
        #expect(slow.jobs == JobFeed.Limits().ready / 4)
        claim(&slow, times: 20, everyMs: 60_000) { _ in 1 }
        #expect(slow.jobs == 64)
    }

    @Test func claimsCloseTogether_sayNothingOfTheRate() {
        var window = window()
        claim(&window, times: 10, everyMs: 1) { _ in 0 }
        #expect(window.jobs == 64)
    }

    @Test func theFeed_asksForWhatItsWindowWants() {
        var limits = JobFeed.Limits()
        limits.workers = 10
        limits.holdMicros = 15_000_000
        var feed = JobFeed(limits: limits, retrying: 0)
        #expect(feed.need(at: .at(ms: 0)) == .jobs(ClaimRequest(jobs: 64, segmentJobsMax: 64)))
        var alone = JobFeed(retrying: 0)
        #expect(
            alone.need(at: .at(ms: 0)) == .jobs(ClaimRequest(jobs: JobFeed.Limits().ready)))
    }

    /// Hosts that take a request a minute do not keep the workers from the others' jobs.
    @Test func jobsThatWaitForTheirHost_doNotKeepOthersFromBeingClaimed() {
        var limits = JobFeed.Limits()
        limits.workers = 10
        limits.holdMicros = 15_000_000
        var politeness = PolitenessOptions()
        politeness.limits.delay = .seconds(60)
        var feed = JobFeed(limits: limits, politeness, retrying: 0)
        feed.claimed(0..<200, at: .at(ms: 0))
        #expect(feed.take(10, at: .at(ms: 0)).count == 1)
        guard case .jobs(let request) = feed.need(at: .at(ms: 1)) else {
            Issue.record("nothing is claimed")
            return
        }
        #expect(request.jobs > 8000 && request.segmentJobsMax == Segment.countMax)
        var busy = JobFeed(limits: limits, retrying: 0)
        busy.claimed(0..<200, at: .at(ms: 0))
        #expect(busy.take(10, at: .at(ms: 0)).count == 10)
        guard case .wait = busy.need(at: .at(ms: 1)) else {
            Issue.record("190 jobs are enough")
            return
        }
    }

    @Test func aRunThatIsPaused_claimsNoMore() {
        var limits = JobFeed.Limits()
        limits.workers = 10
        limits.holdMicros = 15_000_000
        var feed = JobFeed(limits: limits, retrying: 0)
        feed.claimed(0..<200, at: .at(ms: 0))
        feed.setPaused(true, at: .at(ms: 0))
        guard case .wait = feed.need(at: .at(ms: 1)) else {
            Issue.record("200 jobs are enough")
            return
        }
    }

    @Test func fewerWorkers_keepFewerJobs() {
        var window = window(workers: 1000)
        window.claims(workers: 1000, at: .at(ms: 0))
        for time in 1...10 { window.claims(workers: 5, at: .at(ms: time * 2000)) }
        #expect(window.jobs == 64)
    }
}
