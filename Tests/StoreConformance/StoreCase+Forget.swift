import JobStore
import TestSupport
import Testing

private let missing = Outcome(.failed, status: 404)

private func settings(_ identity: String = "c0ffee") -> OutputSettings {
    OutputSettings(
        folder: "/data/responses", identity: identity, format: "jsonl", rotateBytes: 1 << 30,
        keepsBodies: true, keepsFailures: false)
}

private let file = OutputFile(
    id: 1, name: "responses-00001.jsonl", format: "jsonl", bytes: 10, crc32: 7, records: 1)

private let theirs = RunnerDescription(pid: 2, workers: 1, siteIdentity: "c0ffee")

// Output folders that are lost, and the jobs whose records were there.
extension StoreCase {
    static let forgetting: [StoreCase] = [
        StoreCase("forgetting_putsBackCompletedJobs_andThenKnowsNoOutput") { store in
            let queue = try await store.attached(10_000)
            let site = queue.lease.attachment.site
            try await queue.keepOutput(settings(), [file])
            try await store.finish(queue) { 3000..<3100 ~= $0 ? missing : ok }
            try await queue.detach()
            let call = try await queue.queue.beginForgetting([site])
            try await queue.queue.putBack([100..<4200, 9990..<10_000], of: 1, lostWith: call)
            try await store.expectSpans(
                queue, "1: 0..<100 completed 200", "1: 100..<3000 available",
                "1: 3000..<3100 failed 404", "1: 3100..<4200 available",
                "1: 4200..<9990 completed 200", "1: 9990..<10000 available")
            try await store.expectSound(queue)
            let counts = try await queue.counts()
            #expect(counts.available == 4010 && counts.completed == 5890 && counts.failed == 100)
            // Once more changes nothing: what a killed call has done is done.
            try await queue.queue.putBack([100..<4200], of: 1, lostWith: call)
            #expect(try await queue.counts().available == 4010)
            #expect(try await queue.queue.output(of: site).files == [file])
            try await queue.queue.putBack([0..<10_000], of: 1, lostWith: call)
            try await queue.queue.endForgetting(call)
            let none = QueueOutput(settings: nil, files: [], completedBefore: 0)
            #expect(try await queue.queue.output(of: site) == none)
            #expect(try await queue.queue.hasForgotten("c0ffee"))
            #expect(try await !queue.queue.hasForgotten("beef"))
            #expect(try await queue.queue.recordsSupersededMax(of: 1) == 0)
            // Its folder is another's now.
            let attachment = try await queue.attach(theirs)
            #expect(attachment.output == none)
            #expect(try await store.finish(queue) { _ in ok } == 9900)
            try await store.expectSound(queue)
            await queue.close()
        },
        StoreCase("forgetting_waitsForTheEndOfARunThatWrites") { store in
            let queue = try await store.attached(10)
            let site = queue.lease.attachment.site
            try await store.expect(.forgotten) {
                _ = try await queue.queue.beginForgetting([site])
            }
            try await queue.keepOutput(settings(), [])
            let other = try await store.open()
            try await store.expect(.inUse) { try await other.queue.checkForgettable([site]) }
            try await store.finish(queue) { _ in ok }
            try await queue.detach()
            try await other.queue.checkForgettable([site])
            try await store.expect(.forgotten) {
                _ = try await other.queue.beginForgetting([Site(id: 77)])
            }
            // A run comes and goes between the look and the first transaction.
            let call = try await other.queue.beginForgetting([site])
            try await queue.attach(theirs)
            try await store.expect(.inUse) {
                try await other.queue.putBack([0..<10], of: 1, lostWith: call)
            }
            try await queue.keepOutput(settings("beef"), [])
            try await queue.detach()
            try await store.expect(.inUse) {
                try await other.queue.putBack([0..<10], of: 1, lostWith: call)
            }
            try await store.expect(.inUse) { try await other.queue.endForgetting(call) }
            #expect(try await queue.counts().completed == 10)
            await other.close()
            await queue.close()
        },
        StoreCase("forgetting_endsAnEarlierCall") { store in
            let queue = try await store.attached(10)
            let site = queue.lease.attachment.site
            try await queue.keepOutput(settings(), [])
            try await store.finish(queue) { _ in ok }
            try await queue.detach()
            let first = try await queue.queue.beginForgetting([site])
            try await queue.queue.putBack([0..<3], of: 1, lostWith: first)
            let other = try await store.open()
            let second = try await other.queue.beginForgetting([site])
            try await store.expect(.inUse) {
                try await queue.queue.putBack([3..<10], of: 1, lostWith: first)
            }
            try await store.expect(.inUse) { try await queue.queue.endForgetting(first) }
            #expect(try await queue.counts().completed == 7)
            try await other.queue.putBack([3..<10], of: 1, lostWith: second)
            try await other.queue.endForgetting(second)
            #expect(try await queue.counts().available == 10)
            await other.close()
            await queue.close()
        },
        // What was put back has a record there still.
        StoreCase("forgetting_thatHasBegun_keepsRunsOutOfTheFolder") { store in
            let queue = try await store.attached(10)
            let site = queue.lease.attachment.site
            try await queue.keepOutput(settings(), [])
            try await store.finish(queue) { _ in ok }
            try await queue.detach()
            let call = try await queue.queue.beginForgetting([site])
            try await queue.queue.putBack([0..<3], of: 1, lostWith: call)
            try await store.expect(.forgotten) { try await queue.attach(theirs) }
            if queue.queue.allowsManyRunners {
                // Others go on, in a folder of their own.
                let other = try await store.open()
                let attachment = try await other.attach(RunnerDescription(pid: 3, workers: 1))
                #expect(attachment.site != site && attachment.output.settings == nil)
                try await other.keepOutput(settings("beef"), [])
                #expect(try await store.finish(other) { _ in ok } == 3)
                let both = try await queue.queue.beginForgetting([site])
                #expect(both.hasPutBack)
                try await other.detach()
                try await store.expect(.forgotten) {
                    _ = try await queue.queue.beginForgetting([attachment.site])
                }
                #expect(try await queue.queue.output(of: attachment.site).completedBefore == 0)
                await other.close()
            }
            let next = try await queue.queue.beginForgetting([site])
            try await queue.queue.endForgetting(next)
            try await queue.attach(theirs)
            try await store.expectSound(queue)
            await queue.close()
        },
        // Of the sites that a call names, those alone are given up whose jobs it has put back.
        StoreCase("forgetting_ofMoreSites_beginsWithTheFirstTransaction") { store in
            let queue = try await store.attached(10)
            guard queue.queue.allowsManyRunners else { return }
            let site = queue.lease.attachment.site
            try await queue.keepOutput(settings(), [])
            let other = try await store.open()
            try await other.attach(RunnerDescription(pid: 3, workers: 1))
            let more = other.lease.attachment.site
            try await other.keepOutput(settings("beef"), [])
            try await store.finish(queue) { _ in ok }
            try await queue.detach()
            try await other.detach()
            let first = try await queue.queue.beginForgetting([site])
            try await queue.queue.putBack([0..<3], of: 1, lostWith: first)
            let both = try await queue.queue.beginForgetting([site, more])
            #expect(both.begun == [site])
            // The other folder was found, say: nothing was done to it.
            let theirs = RunnerDescription(pid: 3, workers: 1, siteIdentity: "beef")
            #expect(try await other.attach(theirs).site == more)
            try await store.expect(.inUse) {
                try await queue.queue.putBack([3..<10], of: 1, lostWith: both)
            }
            try await other.detach()
            let next = try await queue.queue.beginForgetting([site])
            try await queue.queue.putBack([3..<10], of: 1, lostWith: next)
            try await queue.queue.endForgetting(next)
            #expect(try await queue.counts().available == 10)
            try await store.expectSound(queue)
            await other.close()
            await queue.close()
        },
        StoreCase("forgetting_ofAList_givesItsLinesAgain") { store in
            let queue = try await store.open()
            let list = try await queue.queue.addList(lineRequest, lineFields)
            try await list.add([
                block(0..<5, lane: 7), block(5..<9, lane: 2), block(9..<12, lane: 7),
            ])
            _ = try await list.finish(as: BatchLabel(priority: 3))
            try await queue.attach(RunnerDescription(pid: 1, workers: 1))
            let site = queue.lease.attachment.site
            try await queue.keepOutput(settings(), [])
            try await store.finish(queue) { $0 == 10 ? missing : ok }
            try await queue.detach()
            let call = try await queue.queue.beginForgetting([site])
            try await queue.queue.putBack([3..<7], of: 1, lostWith: call)
            try await store.expectSpans(
                queue, "1: 0..<3 completed 200", "1: 3..<7 available", "1: 7..<10 completed 200",
                "1: 10..<11 failed 404", "1: 11..<12 completed 200")
            try await store.expectSound(queue)
            try await queue.queue.putBack([0..<12], of: 1, lostWith: call)
            try await queue.queue.endForgetting(call)
            try await store.expectSound(queue)
            try await queue.attach(RunnerDescription(pid: 1, workers: 1))
            let claimed = try await queue.claim(jobs: 12)
            #expect(claimed.reduce(0) { $0 + $1.count } == 11)
            for segment in claimed {
                let block = try #require(segment.block)
                #expect(segment.todo.allSatisfy { $0.clamped(to: block.positions) == $0 })
            }
            await queue.close()
        },
        StoreCase("forgetting_ofACancelledBatch_cancelsItsJobs") { store in
            let queue = try await store.attached(10_000)
            let site = queue.lease.attachment.site
            try await queue.keepOutput(settings(), [])
            try await store.finish(queue) { $0 % 2 == 0 || $0 > 5000 ? ok : missing }
            _ = try await queue.queue.cancel(1)
            try await queue.detach()
            let call = try await queue.queue.beginForgetting([site])
            try await queue.queue.putBack([10..<13, 6000..<9000], of: 1, lostWith: call)
            try await store.expectSound(queue)
            let counts = try await queue.counts()
            #expect(counts.cancelled == 3002 && counts.left == 0 && counts.failed == 2500)
            await queue.close()
        },
        // Some jobs of a segment were completed by one runner, and another holds the rest.
        StoreCase("forgetting_besideJobsThatAnotherHolds") { store in
            let queue = try await store.attached(100)
            guard queue.queue.allowsManyRunners else { return }
            let site = queue.lease.attachment.site
            try await queue.keepOutput(settings(), [])
            let segment = try await queue.claim(jobs: 1)[0]
            try await queue.commit(store.marks(segment, ok) { $0 < 40 }, heartbeat: beat)
            // Before the first one has gone, or it would go on with that one's output.
            let other = try await store.open()
            try await other.attach(RunnerDescription(pid: 2, workers: 1))
            try await other.keepOutput(settings("beef"), [])
            try await queue.detach()
            let rest = try await other.claim(jobs: 1)[0]
            #expect(rest.todo.joined().count == 60)
            try await other.commit(store.marks(rest, ok) { $0 < 50 }, heartbeat: beat)
            let call = try await queue.queue.beginForgetting([site])
            try await queue.queue.putBack([0..<40], of: 1, lostWith: call)
            try await store.expectSound(queue)
            #expect(try await queue.counts().left == 90)
            try await queue.queue.endForgetting(call)
            try await other.commit(store.marks(rest, ok) { $0 >= 50 }, heartbeat: beat)
            try await store.expectSound(queue)
            #expect(try await store.finish(other) { _ in ok } == 40)
            try await store.expectSpans(queue, "1: 0..<100 completed 200")
            try await other.detach()
            try await store.expectSound(queue)
            await other.close()
            await queue.close()
        },
    ]
}

extension StoreUnderTest {
    fileprivate func expect(
        _ code: QueueError.Code, sourceLocation: SourceLocation = #_sourceLocation,
        _ body: () async throws -> Void
    ) async throws {
        let error = await #expect(throws: QueueError.self, sourceLocation: sourceLocation) {
            try await body()
        }
        #expect(error?.code == code, "\(String(describing: error))", sourceLocation: sourceLocation)
    }
}
