import JobStore
import Testing

@testable import Runner

@Suite struct HandOverPlanTests {
    private func file(
        _ id: Int, of site: Site? = nil, _ change: (inout OutputFile) -> Void = { _ in }
    ) -> SealedFile {
        var file = OutputFile(
            id: id, name: "\(id)", format: "jsonl", bytes: 1, records: 1, isSealed: true)
        change(&file)
        return SealedFile(file: file, folder: site.map { "/\($0.id)" } ?? "/", inheritedSite: site)
    }

    private func at(_ seconds: Double) -> Now {
        Now(monotonicMicros: Int(seconds * 1e6), wallMicros: 0)
    }

    private func plan(_ files: Int...) -> HandOverPlan {
        var plan = HandOverPlan(grace: .seconds(30), stallMax: .seconds(900))
        plan.add(files.map { file($0) })
        return plan
    }

    @Test func filesThatAreNotDue_areLeftOut() {
        var plan = plan()
        let open = file(1) { $0.isSealed = false }
        let done = file(2) { $0.isHandedOver = true }
        let empty = file(3) { $0.bytes = 0 }
        plan.add([open, done, empty, file(4)])
        #expect(plan.count == 1)
        #expect(plan.next(at: at(0)) == .hand(file(4)))
        plan.succeeded(file(4), at: at(1))
        #expect(plan.next(at: at(1)) == .wait(untilMicros: nil))
        plan.close(isFinished: true, at: at(2))
        #expect(plan.next(at: at(2)) == .ended)
    }

    /// Numbers and names are those of a folder.
    @Test func filesOfOneNumber_inSeveralFolders_areSeveral() {
        var plan = plan(1)
        plan.add([file(1, of: Site(id: 3)), file(1, of: Site(id: 4))])
        plan.succeeded(file(1, of: Site(id: 3)), at: at(0))
        #expect(plan.count == 2 && plan.next(at: at(0)) == .hand(file(1)))
        plan.succeeded(file(1), at: at(0))
        #expect(plan.next(at: at(0)) == .hand(file(1, of: Site(id: 4))))
    }

    @Test func aFileThatFails_waits_whileOthersGoOn() {
        var plan = plan(1, 2)
        var random = SystemRandomNumberGenerator()
        let wait = plan.failed(file(1), at: at(10), using: &random)
        #expect((0...1_000_000).contains(wait))
        #expect(plan.next(at: at(9)) == .hand(file(2)))
        plan.succeeded(file(2), at: at(9))
        #expect(plan.next(at: at(9)) == .wait(untilMicros: 10_000_000 + wait))
        #expect(plan.next(at: at(11)) == .hand(file(1)))
    }

    @Test func whenAllIsFetched_itGoesOn_whileSomeSucceed() {
        var plan = plan(1, 2)
        var random = SystemRandomNumberGenerator()
        plan.close(isFinished: true, at: at(0))
        _ = plan.failed(file(1), at: at(0), using: &random)
        #expect(plan.next(at: at(899)) == .hand(file(1)))
        plan.succeeded(file(2), at: at(899))
        #expect(plan.next(at: at(1798)) == .hand(file(1)))
        #expect(!plan.isOver(at: at(1799)), "a command that runs may take its time")
        #expect(plan.next(at: at(1799)) == .ended)
        #expect(plan.count == 1)
    }

    @Test func aStop_leavesWhatFailedToTheNextRun_andEndsWithTheGrace() {
        var plan = plan(1, 2)
        var random = SystemRandomNumberGenerator()
        _ = plan.failed(file(1), at: at(0), using: &random)
        plan.stop(at: at(10))
        #expect(plan.next(at: at(11)) == .hand(file(2)))
        plan.close(isFinished: false, at: at(20))
        #expect(!plan.isOver(at: at(39)))
        #expect(plan.isOver(at: at(40)))
        #expect(plan.next(at: at(40)) == .ended)
        plan.succeeded(file(2), at: at(39))
        #expect(plan.next(at: at(39)) == .ended)
    }
}
