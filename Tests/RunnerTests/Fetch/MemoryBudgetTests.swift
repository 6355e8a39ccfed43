import Testing

@testable import Runner

@Suite struct MemoryBudgetTests {
    /// Whether there was room for so many lines.
    private func add(_ lines: Int, to head: inout HeldHead) -> Bool {
        for _ in 0..<lines where !head.add(line: 20) { return false }
        return true
    }

    @Test func inFlightMax_followsTheLargestHead_andForgetsIt() {
        let budget = MemoryBudget(bytesMax: 1000)
        #expect(budget.inFlightMax == .max)
        budget.noteHead(bytes: 100, isWhole: true)
        #expect(budget.inFlightMax == 5)
        // One that was cut short says no more than that it was as large.
        for _ in 0..<100 { budget.noteHead(bytes: 50, isWhole: false) }
        #expect(budget.inFlightMax == 5)
        for _ in 0..<1000 { budget.noteHead(bytes: 0, isWhole: true) }
        #expect(budget.inFlightMax == .max)
    }

    @Test func take_leavesHalfToHeads_whereTheyAreLarge() {
        let budget = MemoryBudget(bytesMax: 1000)
        budget.noteHead(bytes: 100, isWhole: true)
        #expect(!budget.take(501) && budget.take(500))
    }

    @Test func nothingIsTaken_andOneRequestGoesOn_whileItIsCritical() {
        let budget = MemoryBudget(bytesMax: 1000)
        budget.setCritical(true)
        #expect(!budget.take(1) && budget.isExhausted && budget.inFlightMax == 1)
        budget.setCritical(false)
        #expect(budget.take(1000) && budget.inFlightMax == 1)
    }

    @Test func aHead_isCounted_andGivenBack() {
        let budget = MemoryBudget(bytesMax: 1 << 20)
        var head = HeldHead(budget)
        #expect(add(10_000, to: &head))
        #expect(head.bytes == 1_000_000 && !budget.take(100_000))
        head.release()
        #expect(head.bytes == 0 && budget.take(1 << 19))
        #expect(budget.inFlightMax == 1)
    }

    @Test func beyondTheBudget_oneHeadGoesOn_andOthersWhenItIsDone() {
        let budget = MemoryBudget(bytesMax: 200_000)
        var heads = [HeldHead(budget), HeldHead(budget), HeldHead(budget)]
        // What any may hold.
        for index in heads.indices {
            #expect(add(600, to: &heads[index]))
        }
        var refused: Set<Int> = []
        for _ in 0..<10_000 {
            for index in heads.indices where !refused.contains(index) {
                if !heads[index].add(line: 20) { refused.insert(index) }
            }
        }
        #expect(refused.count == 2)
        for index in refused { heads[index].release() }
        guard let passing = heads.indices.first(where: { !refused.contains($0) }) else { return }
        #expect(add(1, to: &heads[passing]))
        heads[passing].release()
        var next = HeldHead(budget)
        #expect(add(10_000, to: &next))
    }
}

@Suite struct MemoryCeilingTests {
    @Test func left_isTheLeast() {
        #expect(MemoryCeiling().left == nil)
        #expect(MemoryCeiling(addressSpace: 100).left(virtual: 30, resident: 20) == 70)
        #expect(MemoryCeiling(resident: 40).left(virtual: 30, resident: 20) == 20)
        #expect(
            MemoryCeiling(addressSpace: 100, resident: 40).left(virtual: 95, resident: 20) == 5)
    }

    @Test func watch_tellsTheBudget_whenNextToNothingIsLeft() throws {
        let used = try #require(MachineLimits.pages)
        #expect(used.virtual > used.resident && used.resident > 0)
        let budget = MemoryBudget(bytesMax: 1000)
        let ceiling = MemoryCeiling(resident: used.resident + (1 << 20))
        var watch = MemoryWatch(budget, ceiling)
        let now = Now.read()
        let least = watch.inFlightMax(at: now)
        #expect(least == 1 && budget.isExhausted)
        var roomy = MemoryWatch(budget, MemoryCeiling(resident: used.resident + (1 << 40)))
        let most = roomy.inFlightMax(at: now)
        #expect(most == .max && !budget.isExhausted)
    }
}
