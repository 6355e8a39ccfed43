import TestSupport
import Testing

@testable import Runner

@Suite struct ProcessPlanTests {
    private static func rules(processes: Int = 2, window: Int = 4) -> ProcessPlan.Rules {
        ProcessPlan.Rules(
            processes: processes, window: window, lineBytesMax: 100, limitMicros: 1000,
            pauseMicros: 100)
    }

    /// A plan that the macros of tests can ask.
    private final class Planned {
        private var plan: ProcessPlan

        init(_ numbers: Range<Int>, _ rules: ProcessPlan.Rules) {
            plan = ProcessPlan(rules)
            for number in numbers { add(number) }
        }

        var wakeMicros: Int? { plan.wakeMicros }

        var gatheringMicros: Int { plan.gatheringMicros }

        func add(_ number: Int, byteCount: Int = 10) { plan.add(number, byteCount: byteCount) }
        func forget(_ number: Int) -> Bool { plan.forget(number) }
        func next(atMicros now: Int) -> ProcessPlan.Action? { plan.next(atMicros: now) }
        func overdue(atMicros now: Int) -> Int? { plan.overdue(atMicros: now) }

        func answered(_ number: Int, by slot: Int = 0, atMicros now: Int = 0) -> Bool {
            plan.answered(number, by: slot, atMicros: now)
        }

        func ended(
            _ slot: Int, _ cause: ProcessPlan.Cause, readBytes: Int, atMicros now: Int = 0
        ) -> ProcessPlan.Verdict {
            plan.ended(slot, cause, readBytes: readBytes, atMicros: now)
        }

        /// Does all that can be done, and returns what was sent, by process.
        func send(atMicros now: Int = 0) -> [Int: [Int]] {
            var sent: [Int: [Int]] = [:]
            while let action = plan.next(atMicros: now) {
                if case .send(let number, let slot) = action {
                    sent[slot, default: []].append(number)
                }
            }
            return sent
        }
    }

    @Test func responses_areSharedOut_upToTheWindow() {
        let plan = Planned(0..<10, Self.rules())
        #expect(plan.send() == [0: [0, 2, 4, 6], 1: [1, 3, 5, 7]])
        #expect(plan.answered(4, by: 0, atMicros: 0))
        #expect(!plan.answered(4, by: 0, atMicros: 0))
        #expect(!plan.answered(1, by: 0, atMicros: 0))
        #expect(plan.send() == [0: [8]])
    }

    /// Answers are gathered only where it is known that all processes have enough to do meanwhile.
    @Test func answersAreGathered_whileProcessesAreBusy() {
        let plan = Planned(0..<0, Self.rules(processes: 2, window: 16))
        for number in 0..<2000 { plan.add(number, byteCount: 1) }
        var sent = plan.send()
        #expect(plan.gatheringMicros == 0)
        // Each process answers one each 20 µs.
        var now = 0
        for _ in 0..<400 {
            now += 20
            for slot in 0..<2 {
                #expect(plan.answered(sent[slot]!.removeFirst(), by: slot, atMicros: now))
            }
            for (slot, numbers) in plan.send(atMicros: now) { sent[slot]! += numbers }
        }
        #expect((80...110).contains(plan.gatheringMicros), "\(plan.gatheringMicros)")
        // One has no more than three left.
        for _ in 0..<13 {
            #expect(plan.answered(sent[0]!.removeFirst(), by: 0, atMicros: now))
        }
        #expect(plan.gatheringMicros == 0)
        for (slot, numbers) in plan.send(atMicros: now) { sent[slot]! += numbers }
        // One response takes long.
        #expect(plan.answered(sent[0]!.removeFirst(), by: 0, atMicros: now + 10_000))
        #expect(plan.gatheringMicros == 0)
    }

    @Test func largeLines_waitForEachOther() {
        let plan = Planned(0..<0, Self.rules(processes: 1))
        for number in 0..<3 { plan.add(number, byteCount: 60) }
        plan.add(3, byteCount: 1000)
        for number in 0..<4 {
            #expect(plan.send() == [0: [number]])
            #expect(plan.answered(number, by: 0, atMicros: 0))
        }
    }

    @Test func end_isHeldAgainstWhatWasRead_oneByOne() {
        let plan = Planned(0..<4, Self.rules(processes: 1))
        #expect(plan.send() == [0: [0, 1, 2, 3]])
        // The second line has been begun.
        #expect(plan.ended(0, .fault, readBytes: 11, atMicros: 0) == .init())
        #expect(plan.send() == [0: [0]])
        #expect(plan.answered(0, by: 0, atMicros: 0))
        #expect(plan.send() == [0: [1]])
        #expect(plan.ended(0, .fault, readBytes: 20, atMicros: 0) == .init(failed: [1]))
        #expect(plan.send() == [0: [2, 3]])
    }

    @Test func oneAlone_getsASecondProcess() {
        let plan = Planned(0..<1, Self.rules(processes: 1))
        #expect(plan.send() == [0: [0]])
        #expect(plan.ended(0, .fault, readBytes: 10, atMicros: 0) == .init())
        plan.add(1)
        #expect(plan.send() == [0: [0]])
        #expect(plan.ended(0, .fault, readBytes: 10, atMicros: 0) == .init(failed: [0]))
    }

    @Test func overdue_isTheFirst_sinceItWasFirst() {
        let plan = Planned(0..<3, Self.rules(processes: 1))
        _ = plan.send()
        #expect(plan.wakeMicros == 1000)
        #expect(plan.answered(1, by: 0, atMicros: 600))
        #expect(plan.overdue(atMicros: 999) == nil)
        #expect(plan.answered(0, by: 0, atMicros: 900))
        #expect(plan.overdue(atMicros: 1899) == nil)
        #expect(plan.overdue(atMicros: 1900) == 0)
        plan.add(3)
        _ = plan.send(atMicros: 1000)
        #expect(plan.ended(0, .overdue, readBytes: 40, atMicros: 1900) == .init(failed: [2]))
        #expect(plan.send(atMicros: 1900) == [0: [3]])
    }

    @Test func givenBackByProcessesThatAnswerNothing_failsInTheEnd() {
        let plan = Planned(0..<1, Self.rules(processes: 20))
        for _ in 0..<5 {
            #expect(plan.send(atMicros: .max / 2) != [:])
            #expect(plan.ended(0, .overdue, readBytes: 0, atMicros: 0) == .init())
        }
        _ = plan.send(atMicros: .max / 2)
        #expect(plan.ended(0, .overdue, readBytes: 0, atMicros: 0) == .init(failed: [0]))
    }

    @Test func pauses_growUntilSomethingIsAnswered() {
        let plan = Planned(0..<1, Self.rules(processes: 1))
        var pauses: [Int] = []
        for _ in 0..<4 {
            _ = plan.send(atMicros: .max / 2)
            #expect(!plan.ended(0, .fault, readBytes: 0, atMicros: 0).isHopeless)
            pauses.append(plan.wakeMicros ?? -1)
        }
        #expect(pauses == [0, 100, 200, 400])
        _ = plan.send(atMicros: .max / 2)
        #expect(plan.answered(0, by: 0, atMicros: 0))
        plan.add(1)
        #expect(plan.ended(0, .fault, readBytes: 10, atMicros: 0) == .init())
        #expect(plan.wakeMicros == 0)
    }

    @Test func processesThatEnd_areNoHope_unlessOneMayAnswerYet() {
        let plan = Planned(0..<8, Self.rules())
        _ = plan.send()
        for _ in 0..<20 {
            #expect(!plan.ended(1, .fault, readBytes: 0).isHopeless)
            _ = plan.send(atMicros: .max / 2)
            for number in 8..<10 { plan.add(number) }
        }
        #expect(plan.ended(0, .fault, readBytes: 0).isHopeless)
    }

    @Test func forgotten_isDroppedWhereNoProcessHasIt() {
        let plan = Planned(0..<6, Self.rules(processes: 1))
        _ = plan.send()
        #expect(plan.forget(5))
        #expect(!plan.forget(1))
        #expect(plan.ended(0, .fault, readBytes: 10, atMicros: 0) == .init(failed: [1]))
        #expect(plan.send() == [0: [0]])
    }

    /// Processes that take one response after another, some ahead, and end at some of them.
    @Test(arguments: 0..<50) func whateverEndsProcesses_failsAlone(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        let rules = Self.rules(
            processes: .random(in: 1...4, using: &random),
            window: .random(in: 1...8, using: &random))
        let poison = Set((0..<200).filter { _ in Int.random(in: 0..<20, using: &random) == 0 })
        let plan = Planned(0..<200, rules)
        var held = [[Int]](repeating: [], count: rules.processes)
        var inputs = [Int](repeating: 0, count: rules.processes)
        var (answered, failed, ends) = (Set<Int>(), Set<Int>(), 0)
        var now = 0
        while answered.count + failed.count < 200, now < 100_000_000_000 {
            now += 10_000_000
            while let action = plan.next(atMicros: now) {
                switch action {
                case .start(let slot): (held[slot], inputs[slot]) = ([], 0)
                case .send(let number, let slot):
                    held[slot].append(number)
                    inputs[slot] += 10
                }
            }
            let busy = held.indices.filter { !held[$0].isEmpty }
            guard let slot = busy.randomElement(using: &random) else { continue }
            let number = held[slot][0]
            if poison.contains(number) {
                let ahead = Int.random(in: 0..<held[slot].count, using: &random)
                let read = inputs[slot] - 10 * ahead
                let verdict = plan.ended(slot, .fault, readBytes: read, atMicros: now)
                failed.formUnion(verdict.failed)
                held[slot] = []
                ends += 1
            } else {
                #expect(plan.answered(number, by: slot, atMicros: now))
                answered.insert(held[slot].removeFirst())
            }
        }
        #expect(failed == poison, "seed \(seed)")
        #expect(answered.count == 200 - poison.count, "seed \(seed)")
        #expect(ends <= 2 * poison.count, "seed \(seed)")
    }
}
