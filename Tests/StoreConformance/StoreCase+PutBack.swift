import JobStore
import TestSupport
import Testing

private let missing = Outcome(.failed, status: 404)
private let timeout = Outcome(.failed, .timeout)
private let broken = Outcome(.failed, status: 503)

/// Selects failed jobs.
private func failed(
    _ outcomes: String? = nil, batch: Batch.ID? = nil, ids: Range<Int>? = nil, host: String? = nil
) -> FailedJobs {
    var jobs = FailedJobs()
    jobs.outcomes = outcomes.map { $0.split(separator: ",").compactMap { .init(String($0)) } }
    jobs.batch = batch
    jobs.ids = ids
    jobs.host = host.flatMap { HostPattern($0) }
    return jobs
}

extension StoreCase {
    static let puttingBack: [StoreCase] = [
        StoreCase("putBack_makesFailedJobsAvailable_asIfNeverTried") { store in
            let queue = try await store.attached(10_000)
            try await store.finish(queue) { $0 < 9000 ? missing : $0 % 3 == 0 ? timeout : ok }
            #expect(try await queue.queue.putBack(failed()) == 9334)
            let counts = try await queue.counts()
            #expect(counts.available == 9334 && counts.failed == 0 && counts.completed == 666)
            try await store.expectSound(queue)
            #expect(try await store.finish(queue) { _ in ok } == 9334)
            try await store.expectSpans(queue, "1: 0..<10000 completed 200")
            #expect(try await queue.queue.putBack(failed()) == 0)
            try await store.expectSound(queue)
            await queue.close()
        },
        StoreCase("putBack_takesOnlyWhatIsSelected") { store in
            let queue = try await store.attached(9000)
            _ = try await queue.enqueue(JobRange(first: 8000, count: 3000), request: request)
            try await store.finish(queue) { [missing, timeout, broken, ok][$0 / 5 % 4] }
            #expect(try await queue.queue.putBack(failed("timeout", ids: 2000..<8001)) == 1500)
            #expect(try await queue.queue.putBack(failed("timeout", ids: 2000..<8001)) == 0)
            #expect(try await queue.queue.putBack(failed("4xx,500", batch: 2)) == 750)
            #expect(try await queue.queue.putBack(failed("2xx")) == 0)
            #expect(try await queue.queue.putBack(failed(batch: 7)) == 0)
            #expect(try await queue.queue.putBack(failed(host: "127.0.0.1:8080")) == 0)
            try await store.expectSound(queue)
            #expect(try await queue.counts().available == 2250)
            #expect(try await queue.queue.putBack(failed(host: "127.0.0.1")) == 6750)
            #expect(try await queue.counts().completed == 3000)
            try await store.expectSound(queue)
            await queue.close()
        },
        StoreCase("reasonsOfHandlers_areOutcomes_asManyAsAreKeptApart") { store in
            let queue = try await store.attached(4000)
            let names = (0..<40).compactMap { HandlerReason("reason_\($0)") }
            #expect(names.count == 40)
            try await store.finish(queue) { position in
                let outcome = Outcome(.failed, .handler, named: names[position % 40])
                return position < 2000 ? outcome : Outcome(.failed, .handler)
            }
            let counts = try await queue.counts()
            // 32 have their name; the others count as those without one.
            #expect(counts.outcomes.count == 33 && counts.failed == 4000)
            for group in counts.outcomes {
                #expect(group.count == (group.label == "handler" ? 2400 : 50), "\(group)")
            }
            try await store.expectSound(queue)
            let first = try #require(counts.outcomes.first { $0.label != "handler" }).label
            #expect(try await queue.queue.putBack(failed("\(first),timeout")) == 50)
            #expect(try await queue.queue.putBack(failed(first)) == 0)
            #expect(try await queue.queue.putBack(failed("handler:never_said")) == 0)
            // The name of all.
            #expect(try await queue.queue.putBack(failed("handler")) == 3950)
            try await store.expectSound(queue)
            await queue.close()
        },
        StoreCase("putBack_ofACancelledBatch_isRefusedByLeavingItAlone") { store in
            let queue = try await store.attached(5)
            _ = try await queue.enqueue(JobRange(first: 0, count: 5), request: request)
            try await store.finish(queue) { _ in missing }
            _ = try await queue.queue.cancel(1)
            #expect(try await queue.queue.putBack(failed(batch: 1)) == 0)
            #expect(try await queue.queue.putBack(failed()) == 5)
            try await store.expectSpans(queue, "1: 0..<5 failed 404", "2: 0..<5 available")
            try await store.expectSound(queue)
            await queue.close()
        },
        StoreCase("putBack_leavesRetriesAndWhatIsCompleted") { store in
            let queue = try await store.attached(10)
            let segment = try await queue.claim(jobs: 1)[0]
            let waits = Outcome(.retrying, status: 503)
            try await queue.commit(
                store.marks(segment, missing) { $0 < 3 }
                    + store.marks(segment, waits) { 3..<5 ~= $0 }
                    + store.marks(segment, ok) { $0 >= 5 }, heartbeat: beat)
            #expect(try await queue.queue.putBack(failed("404,503")) == 3)
            try await store.expectSpans(
                queue, "1: 0..<3 available", "1: 3..<5 retrying 503", "1: 5..<10 completed 200")
            try await store.expectSound(queue)
            #expect(try await queue.claimRetries(dueAt: hourMicros, limit: 9).jobs.count == 2)
            #expect(try await store.finish(queue) { _ in ok } == 3)
            await queue.close()
        },
        StoreCase("putBack_besideJobsThatARunnerHolds_comesAfterThese") { store in
            let queue = try await store.attached(100)
            let segment = try await queue.claim(jobs: 1)[0]
            try await queue.commit(store.marks(segment, missing) { $0 < 40 }, heartbeat: beat)
            let other = try await store.open()
            #expect(try await other.queue.putBack(failed()) == 40)
            #expect(try await other.queue.putBack(failed()) == 0)
            #expect(try await other.counts().left == 100)
            try await store.expectSound(other)
            // The runner goes on with what it holds, and then gets the others.
            try await queue.commit(store.marks(segment, ok) { 40..<99 ~= $0 }, heartbeat: beat)
            try await store.expectSound(other)
            try await queue.commit(store.marks(segment, missing) { $0 == 99 }, heartbeat: beat)
            try await store.expectSound(other)
            #expect(try await store.finish(queue) { _ in ok } == 40)
            try await store.expectSpans(
                queue, "1: 0..<99 completed 200", "1: 99..<100 failed 404")
            try await queue.detach()
            try await store.expectSound(other)
            await other.close()
            await queue.close()
        },
        StoreCase("putBack_besideJobsOfARunner_goesBackWithThem") { store in
            for isKilled in [false, true] {
                let store = try store.fresh()
                let queue = try await store.attached(100)
                let segment = try await queue.claim(jobs: 1)[0]
                try await queue.commit(store.marks(segment, missing) { $0 < 40 }, heartbeat: beat)
                #expect(try await queue.queue.putBack(failed()) == 40)
                if isKilled { await queue.abandon() } else { try await queue.detach() }
                _ = try await queue.attach(RunnerDescription(pid: 2, workers: 1))
                try await store.expectSpans(queue, "1: 0..<100 available")
                try await store.expectSound(queue)
                await queue.close()
            }
        },
        StoreCase("putBack_besideJobsOfARunner_isCancelledWithThem") { store in
            let queue = try await store.attached(100)
            let segment = try await queue.claim(jobs: 1)[0]
            try await queue.commit(store.marks(segment, missing) { $0 < 40 }, heartbeat: beat)
            let other = try await store.open()
            #expect(try await other.queue.putBack(failed()) == 40)
            _ = try await other.queue.cancel(1)
            try await queue.commit(store.marks(segment, ok) { $0 >= 40 }, heartbeat: beat)
            try await queue.detach()
            try await store.expectSpans(
                queue, "1: 0..<40 cancelled", "1: 40..<100 completed 200")
            try await store.expectSound(queue)
            await other.close()
            await queue.close()
        },
        StoreCase("putBack_ofAList_givesItsLinesAgain") { store in
            let queue = try await store.open()
            let list = try await queue.queue.addList(lineRequest, lineFields)
            try await list.add([
                block(0..<5, lane: 7), block(5..<9, lane: 2), block(9..<12, lane: 7),
            ])
            _ = try await list.finish(as: BatchLabel(priority: 3))
            try await queue.attach(RunnerDescription(pid: 1, workers: 1))
            try await store.finish(queue) { $0 == 10 ? ok : missing }
            try await store.expectSpans(
                queue, "1: 0..<10 failed 404", "1: 10..<11 completed 200", "1: 11..<12 failed 404")
            // A part of a block, then the rest with whole blocks.
            #expect(try await queue.queue.putBack(failed(ids: 3..<7)) == 4)
            try await store.expectSpans(
                queue, "1: 0..<3 failed 404", "1: 3..<7 available", "1: 7..<10 failed 404",
                "1: 10..<11 completed 200", "1: 11..<12 failed 404")
            try await store.expectSound(queue)
            #expect(try await queue.queue.putBack(failed()) == 7)
            try await store.expectSound(queue)
            let claimed = try await queue.claim(jobs: 12)
            #expect(claimed.reduce(0) { $0 + $1.count } == 11)
            for segment in claimed {
                let block = try #require(segment.block)
                #expect(segment.todo.allSatisfy { $0.clamped(to: block.positions) == $0 })
            }
            await queue.close()
        },
        StoreCase("putBack_byHost_looksAtLines") { store in
            let queue = try await store.open()
            let list = try await queue.queue.addList(urlRequest, LineFields(["url"]))
            // Neighbours of one host, and hosts that alternate; another port is another host's.
            let urls = (0..<9).map { ["http://a/x", "https://B:81/", "http://a:80"][$0 / 2 % 3] }
            try await list.add([block(urls[..<4], first: 0), block(urls[4...], first: 4)])
            _ = try await list.finish(as: BatchLabel())
            try await queue.attach(RunnerDescription(pid: 1, workers: 1))
            try await store.finish(queue) { $0 == 8 ? ok : missing }
            #expect(try await queue.queue.putBack(failed(host: "b:80")) == 0)
            #expect(try await queue.queue.putBack(failed(host: "https://b:81")) == 2)
            try await store.expectSpans(
                queue, "1: 0..<2 failed 404", "1: 2..<4 available", "1: 4..<8 failed 404",
                "1: 8..<9 completed 200")
            try await store.expectSound(queue)
            #expect(try await queue.queue.putBack(failed(host: "a:80")) == 6)
            try await store.expectSpans(queue, "1: 0..<8 available", "1: 8..<9 completed 200")
            try await store.expectSound(queue)
            await queue.close()
        },
        StoreCase("putBack_countsRecordsThatMayBeSuperseded") { store in
            let queue = try await store.attached(20)
            try await store.finish(queue) { _ in missing }
            #expect(try await queue.queue.putBack(failed(ids: 0..<5)) == 5)
            #expect(try await queue.queue.recordsSupersededMax(of: 1) == 0)
            try await queue.keepOutput(
                OutputSettings(
                    folder: "/f", identity: "i", format: "jsonl", rotateBytes: 1,
                    keepsBodies: true, keepsFailures: true), [])
            try await store.finish(queue) { _ in missing }
            #expect(try await queue.queue.putBack(failed(ids: 0..<7)) == 7)
            try await store.finish(queue) { _ in missing }
            #expect(try await queue.queue.putBack(failed(ids: 0..<2)) == 2)
            #expect(try await queue.queue.recordsSupersededMax(of: 1) == 9)
            #expect(try await queue.queue.recordsSupersededMax(of: 2) == 0)
            await queue.close()
        },
    ]
}

// try! holds: a literal, and valid.
private let urlRequest = try! RequestTemplate(parsing: "{url}", fields: ["url"])

/// A block of lines that are URLs.
private func block(_ urls: ArraySlice<String>, first: Int) -> ListBlock {
    var builder = ListBlockBuilder()
    for url in urls {
        builder.beginLine(fields: 1)
        Array(url.utf8).withUnsafeBytes { builder.append($0) }
    }
    return builder.take(first: first, lane: 0, ListPacker())
}

extension StoreUnderTest {
    /// Claims all that is available, and marks it.
    ///
    /// - Returns: The number of jobs.
    @discardableResult
    func finish(
        _ queue: StoreClient, outcome: (Int) -> Outcome
    ) async throws -> Int {
        var count = 0
        while case let claimed = try await queue.claim(jobs: 5000), !claimed.isEmpty {
            let marks = claimed.flatMap { segment in
                segment.todo.joined().map {
                    Mark(
                        batchID: segment.batch.id, position: $0, attempt: 1, outcome: outcome($0))
                }
            }
            try await queue.commit(marks, heartbeat: beat)
            count += marks.count
        }
        return count
    }
}
