import JobStore
import TestSupport
import Testing

extension StoreCase {
    static let unique: [StoreCase] = [
        StoreCase("uniqueList_knowsItsHashes_andTheNextListDoes_onceItIsFinished") { store in
            let queue = try await store.open()
            let list = try await queue.queue.addUniqueList(lineRequest, lineFields)
            #expect(try await list.known(hashes(1...4)) == [false, false, false, false])
            #expect(try await list.known([]) == [])
            try await list.add(hashes(2...3))
            #expect(try await list.known(hashes(1...4)) == [false, true, true, false])
            try await list.add(hashes(4...4))
            try await list.add([block(0..<3, lane: 0)])
            let batch = try #require(try await list.finish(as: BatchLabel())?.batch)
            #expect(batch.count == 3)
            try await store.expectSound(queue)

            let other = try await store.open()
            let next = try await other.queue.addUniqueList(lineRequest, lineFields)
            #expect(next.hashKey == list.hashKey)
            #expect(try await next.listOutside(after: 0) == nil)
            #expect(try await next.known(hashes(1...5)) == [false, true, true, true, false])
            await next.abandon()
            await other.close()
            await queue.close()
        },
        StoreCase("uniqueList_thatIsAbandoned_leavesNoHashes") { store in
            let queue = try await store.open()
            let list = try await queue.queue.addUniqueList(lineRequest, lineFields)
            try await list.add(hashes(1...5000))
            try await list.add([block(0..<3, lane: 0)])
            await list.abandon()
            try await store.expectSound(queue)
            let next = try await queue.queue.addUniqueList(lineRequest, lineFields)
            #expect(try await next.known(hashes(1...9)).allSatisfy { !$0 })
            // Nor does one that was killed.
            try await next.add(hashes(1...5000))
            await queue.close()
            let heir = try await store.open()
            let last = try await heir.queue.addUniqueList(lineRequest, lineFields)
            #expect(try await last.known(hashes(1...9)).allSatisfy { !$0 })
            await last.abandon()
            try await store.expectSound(heir)
            await heir.close()
        },
        StoreCase("uniqueList_withoutNewLines_isNoBatch") { store in
            let queue = try await store.open()
            let list = try await queue.queue.addUniqueList(lineRequest, lineFields)
            #expect(try await list.finish(as: BatchLabel()) == nil)
            #expect(try await queue.counts().total == 0)
            // Another may be added now.
            await (try await queue.queue.addUniqueList(lineRequest, lineFields)).abandon()
            await queue.close()
        },
        StoreCase("uniqueLists_areAddedOneAtATime") { store in
            let (one, other) = (try await store.open(), try await store.open())
            let list = try await one.queue.addUniqueList(lineRequest, lineFields)
            for queue in [one, other] {
                let error = await #expect(throws: QueueError.self) {
                    _ = try await queue.queue.addUniqueList(lineRequest, lineFields)
                }
                #expect(error?.code == .busy)
            }
            // Lists with their duplicates may be added beside it.
            let plain = try await other.queue.addList(lineRequest, lineFields)
            try await plain.add([block(0..<3, lane: 0)])
            let batch = try await plain.finish(as: BatchLabel())?.batch
            try await list.add(hashes(1...2))
            try await list.add([block(0..<2, lane: 0)])
            #expect(try await list.finish(as: BatchLabel()) != nil)
            let next = try await other.queue.addUniqueList(lineRequest, lineFields)
            #expect(try await next.known(hashes(1...3)) == [true, true, false])
            #expect(try await next.listOutside(after: 0) == batch)
            await next.abandon()
            try await store.expectSound(one)
            await other.close()
            await one.close()
        },
        StoreCase("uniqueList_takesInListsFromBefore_once") { store in
            let queue = try await store.open()
            var before: [Batch] = []
            for _ in 0..<2 {
                let list = try await queue.queue.addList(lineRequest, lineFields)
                try await list.add([block(0..<3, lane: 0)])
                before.append(try #require(try await list.finish(as: BatchLabel())?.batch))
            }
            // A range is in no set.
            _ = try await queue.enqueue(JobRange(first: 0, count: 5), request: request)
            let list = try await queue.queue.addUniqueList(lineRequest, lineFields)
            #expect(try await list.listOutside(after: 0) == before[0])
            try await list.add(hashes(1...2))
            try await list.takeIn(before[0])
            #expect(try await list.listOutside(after: 0) == before[1])
            try await list.add(hashes(2...3))
            await list.abandon()
            try await store.expectSound(queue)
            // The list that was taken in stays so, the other is to be taken in anew.
            let next = try await queue.queue.addUniqueList(lineRequest, lineFields)
            #expect(try await next.listOutside(after: 0) == before[1])
            #expect(try await next.known(hashes(1...3)) == [true, true, false])
            try await next.add(hashes(3...3))
            try await next.takeIn(before[1])
            #expect(try await next.listOutside(after: 0) == nil)
            #expect(try await next.finish(as: BatchLabel()) == nil)
            try await store.expectSound(queue)
            await queue.close()
        },
        StoreCase("uniqueList_withAKnownKey_leavesNoHashes") { store in
            let queue = try await store.open()
            for number in 1...2 {
                let list = try await queue.queue.addUniqueList(lineRequest, lineFields)
                try await list.add(hashes(number...number))
                try await list.add([block(0..<1, lane: 0)])
                #expect(try await list.finish(as: BatchLabel(key: "k"))?.batch.id == 1)
            }
            let list = try await queue.queue.addUniqueList(lineRequest, lineFields)
            #expect(try await list.known(hashes(1...2)) == [true, false])
            await list.abandon()
            try await store.expectSound(queue)
            await queue.close()
        },
    ]
}

/// Hashes that rise with the numbers.
private func hashes(_ numbers: ClosedRange<Int>) -> [RequestHash] {
    numbers.map { RequestHash(high: UInt64($0) << 32, low: 7) }
}
