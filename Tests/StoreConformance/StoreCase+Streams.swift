import JobStore
import TestSupport
import Testing

/// Lists whose jobs are available while they are being added.
extension StoreCase {
    static let streams: [StoreCase] = [
        StoreCase("stream_growsItsBatch_withEachAddition") { store in
            let (queue, watcher) = (try await store.open(), try await store.open())
            let stream = try await queue.stream(BatchLabel(name: "n", priority: 3))
            #expect(try await watcher.counts().total == 0)
            try await stream.add([block(0..<5, lane: 3)], taken: part(6))
            #expect(try await watcher.counts().available == 5)
            try await store.expectSpans(watcher, "1: 0..<5 available")
            try await stream.add([block(5..<8, lane: 1), block(8..<9, lane: 3)], taken: part(11))
            for client in [queue, watcher] {
                #expect(try await client.counts().available == 9)
                try await store.expectSpans(client, "1: 0..<9 available")
                try await store.expectSound(client)
                let known = try #require(try await client.queue.unfinishedLists().first)
                #expect(known.taken == part(11) && known.batch.count == 9)
                #expect(known.name == "n" && known.priority == 3 && known.origin == nil)
                #expect(known.isBeingAdded == true)
            }
            let batch = try await stream.finish(
                [block(9..<11, lane: 0)], taken: part(14), key: "k")
            #expect(batch?.count == 11)
            #expect(try await watcher.queue.unfinishedLists().isEmpty)
            #expect(try await watcher.queue.batch(enqueuedAs: "k") == batch)
            #expect(try await watcher.queue.batch(named: "n") == batch)
            try await store.expectSound(watcher)
            await watcher.close()
            await queue.close()
        },
        StoreCase("stream_thatDied_isGoneOnWith_behindWhatWasTaken") { store in
            let dead = try await store.open()
            let stream = try await dead.stream(BatchLabel(name: "n"), from: file)
            try await stream.add([block(0..<5, lane: 3)], taken: part(7))
            await dead.close()

            let queue = try await store.open()
            let known = try #require(try await queue.queue.unfinishedLists().first)
            #expect(known.isBeingAdded == false && known.origin == file)
            // Nobody takes it for the rest of a list that is yet to become a batch.
            _ = try await queue.queue.addList(lineRequest, lineFields)
            _ = try await queue.attach(RunnerDescription(pid: 1, workers: 1))
            let again = try await queue.queue.resumeList(known.batch.id)
            #expect(again.before?.taken == part(7) && again.before?.batch.count == 5)
            try await again.add([block(5..<7, lane: 3)], taken: part(9))
            try await store.expectSpans(queue, "1: 0..<7 available")
            _ = try await again.finish([], taken: part(9), key: nil)
            #expect(try await queue.queue.unfinishedLists().isEmpty)
            try await store.expectSound(queue)
            await queue.close()
        },
        StoreCase("stream_withoutJobs_isNoBatch") { store in
            let (one, other) = (try await store.open(), try await store.open())
            let stream = try await one.stream(BatchLabel())
            try await stream.add([], taken: part(3))
            #expect(try await other.queue.unfinishedLists().isEmpty)
            #expect(try await stream.finish([], taken: part(4), key: "k") == nil)
            let left = try await one.stream(BatchLabel())
            await left.leave()
            #expect(try await other.counts().total == 0)
            try await store.expectSound(other)
            await other.close()
            await one.close()
        },
        StoreCase("stream_hasOneProcess_atATime") { store in
            let (one, other) = (try await store.open(), try await store.open())
            let stream = try await one.stream(BatchLabel(), from: file)
            try await stream.add([block(0..<5, lane: 0)], taken: part(5))
            for client in [one, other] {
                await expect(.inUse) { _ = try await client.queue.resumeList(1) }
                await expect(.inUse) { _ = try await client.stream(BatchLabel(), from: file) }
            }
            await expect(.fenced) { _ = try await other.queue.resumeList(7) }
            let repeated = try await other.stream(BatchLabel(), from: file, mayRepeat: true)
            try await repeated.add([block(0..<2, lane: 0)], taken: part(2))
            await stream.leave()
            let resumed = try await other.queue.resumeList(1)
            #expect(resumed.before?.taken == part(5))
            #expect(try await other.counts().total == 7)
            try await store.expectSound(one)
            await other.close()
            await one.close()
        },
        StoreCase("stream_withAKeyOrNameThatIsTaken_addsNothing") { store in
            let queue = try await store.open()
            let range = JobRange(first: 0, count: 3)
            _ = try await queue.enqueue(range, request: request, key: "k", name: "n")
            for (label, code) in [
                (BatchLabel(key: "k"), QueueError.Code.keyTaken),
                (BatchLabel(name: "n"), QueueError.Code.nameTaken),
            ] {
                let stream = try await queue.stream(label)
                await expect(code) { try await stream.add([block(0..<5, lane: 0)], taken: part(5)) }
                await stream.leave()
            }
            // A key that comes with the end is dropped instead.
            let stream = try await queue.stream(BatchLabel())
            let batch = try await stream.finish([block(0..<5, lane: 0)], taken: part(5), key: "k")
            #expect(batch?.count == 5)
            #expect(try await queue.queue.batch(enqueuedAs: "k")?.count == 3)
            #expect(try await queue.counts().total == 8)
            try await store.expectSound(queue)
            await queue.close()
        },
        StoreCase("stream_isClaimed_whileItGrows") { store in
            let (adder, queue) = (try await store.open(), try await store.open())
            let stream = try await adder.stream(BatchLabel())
            try await stream.add([block(0..<5, lane: 2)], taken: part(5))
            try await queue.attach(RunnerDescription(pid: 1, workers: 1))
            var fetched: [Int] = []
            for end in [5, 8, 12] {
                if end > 5 {
                    let last = end == 8 ? 5 : 8
                    try await stream.add([block(last..<end, lane: 2)], taken: part(end))
                }
                for segment in try await queue.claim(jobs: 99) {
                    #expect(segment.batch.count == end)
                    let positions = segment.todo.flatMap { $0 }
                    fetched += positions
                    let marks = positions.map {
                        Mark(
                            batchID: 1, position: $0, attempt: 1,
                            outcome: Outcome(.completed, status: 200))
                    }
                    try await queue.commit(marks, heartbeat: Heartbeat(requestsPerSecond: 1))
                }
                try await store.expectSpans(queue, "1: 0..<\(end) completed 200")
                try await store.expectSound(queue)
            }
            #expect(fetched == Array(0..<12))
            await adder.close()
            await queue.close()
        },
    ]
}

private let file = ListOrigin(name: "urls.txt", byteCount: 7, hash: .max)

/// A part of so many rows, and as many lines and bytes as come with them in these cases.
private func part(_ records: Int) -> TakenPart {
    TakenPart(records: records, lines: records + 1, bytes: 10 * records)
}

private func expect(
    _ code: QueueError.Code, sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () async throws -> Void
) async {
    do {
        try await body()
        Issue.record("nothing was thrown", sourceLocation: sourceLocation)
    } catch {
        #expect((error as? QueueError)?.code == code, sourceLocation: sourceLocation)
    }
}

extension StoreClient {
    fileprivate func stream(
        _ label: BatchLabel, from origin: ListOrigin? = nil, mayRepeat: Bool = false
    ) async throws -> any ListStream {
        try await queue.streamList(
            lineRequest, lineFields, from: origin, mayRepeat: mayRepeat, as: label)
    }
}
