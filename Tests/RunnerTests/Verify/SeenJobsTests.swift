import TestSupport
import Testing

@testable import Runner

@Suite struct SeenJobsTests {
    private let window = SeenJobs.WindowID(batchID: 1, holding: 0)

    private func contents(_ members: Range<Int>..., isFinal: Bool = true) -> SeenJobs.Contents {
        var contents = SeenJobs.Contents()
        for range in members { contents.members.insert(range) }
        contents.isFinal = isFinal
        return contents
    }

    private func taught(_ contents: SeenJobs.Contents) -> SeenJobs {
        var seen = SeenJobs()
        seen.learn(window, contents)
        return seen
    }

    /// The missing jobs of batches whose IDs are their positions.
    private func missing(_ seen: SeenJobs) -> JobNames { seen.missing { _, position in position } }

    @Test func see_asksForAWindowItDoesNotKnow() {
        var seen = taught(contents(0..<10))
        let sights = [seen.see(0, of: 2), seen.see(65536, of: 1), seen.see(0, of: 1)]
        #expect(sights == [.unknown, .unknown, .first])
    }

    @Test func see_tellsTheFirstFromTheNext() {
        var seen = taught(contents(0..<10))
        let sights = [seen.see(3, of: 1), seen.see(4, of: 1), seen.see(3, of: 1)]
        #expect(sights == [.first, .first, .again])
    }

    @Test func see_findsWhatIsNotInTheState() {
        var seen = taught(contents(0..<10, 20..<30))
        let sights = [seen.see(10, of: 1), seen.see(20, of: 1), seen.see(30, of: 1)]
        #expect(sights == [.wrong, .first, .wrong])
    }

    @Test(arguments: [65536, 65535, 1])
    func see_tellsTheNext_whenAllWereSeen(count: Int) {
        var seen = taught(contents(0..<count))
        let first = (0..<count).allSatisfy { seen.see($0, of: 1) == .first }
        #expect(first)
        #expect(missing(seen).count == 0)
        var again = seen.see(0, of: 1)
        if again == .unknown {  // it shrank, and must be taught again
            seen.learn(window, contents(0..<count))
            again = seen.see(0, of: 1)
        }
        #expect(again == .again)
        if count < 65536 {
            let wrong = seen.see(65535, of: 1)
            #expect(wrong == .wrong)
        }
        #expect(missing(seen).count == 0)
    }

    @Test func missing_namesTheFirstFew_inOrder() {
        var seen = SeenJobs()
        seen.learn(SeenJobs.WindowID(batchID: 2, holding: 5), contents(5..<6))
        seen.learn(SeenJobs.WindowID(batchID: 1, holding: 65536), contents(0..<2))
        seen.learn(window, contents(0..<100))
        for id in 0..<97 { _ = seen.see(id, of: 1) }
        #expect(missing(seen).count == 6)
        #expect(missing(seen).text == "batch 1: 97, 98, 99, 65536, 65537; and 1 more")
    }

    @Test func missing_namesJobsByTheirIDs() {
        let seen = taught(contents(3..<5))
        #expect(
            seen.missing { batch, position in 100 * batch + 10 * position }.text
                == "batch 1: 130, 140")
    }

    @Test func learn_takesWhatCameSince_inALaterPass() {
        var seen = taught(contents(0..<10, isFinal: false))
        var sights = [seen.see(3, of: 1), seen.see(12, of: 1)]
        #expect(sights == [.first, .wrong])
        seen.beginPass()
        sights = [seen.see(3, of: 1), seen.see(12, of: 1)]
        #expect(sights == [.again, .unknown])
        seen.learn(window, contents(0..<13, isFinal: false))
        sights = [
            seen.see(12, of: 1), seen.see(12, of: 1), seen.see(3, of: 1), seen.see(13, of: 1),
        ]
        #expect(sights == [.first, .again, .again, .wrong])
        #expect(missing(seen).count == 9, "those that came later need no record yet")
    }

    @Test func windows_endWithTheLastPosition() {
        let last = SeenJobs.WindowID(batchID: 1, holding: Int.max - 1)
        #expect(last.positions.upperBound == Int.max)
        #expect(last.positions.contains(Int.max - 1))
        #expect(window.positions == 0..<65536)
    }

    /// Against a dictionary that counts.
    @Test func see_agreesWithCounting() {
        let seed = testSeed(for: "see_agreesWithCounting")
        var random = SeededGenerator(seed: seed)
        var seen = SeenJobs()
        var counts: [Int: Int] = [:]
        let isMember = { (id: Int) in id % 7 != 3 && id < 150_000 }
        for _ in 0..<400_000 {
            let id = Int.random(in: 0..<160_000, using: &random)
            var sight = seen.see(id, of: 1)
            if sight == .unknown {
                let window = SeenJobs.WindowID(batchID: 1, holding: id)
                var contents = SeenJobs.Contents()
                for id in window.positions where isMember(id) {
                    let offset = id - window.positions.lowerBound
                    contents.members.insert(offset..<offset + 1)
                }
                seen.learn(window, contents)
                sight = seen.see(id, of: 1)
            }
            let expected: SeenJobs.Sight =
                !isMember(id) ? .wrong : counts[id] == nil ? .first : .again
            counts[id, default: 0] += 1
            guard sight == expected else {
                Issue.record("\(id) is \(sight), not \(expected)")
                return
            }
        }
        let members = (0..<150_000).filter(isMember)
        #expect(missing(seen).count == members.filter { counts[$0] == nil }.count)
    }
}

@Suite struct JobNamesTests {
    @Test func text_groupsByBatchAndFile() {
        var names = JobNames()
        names.add(1, of: 1, in: "a")
        names.add(2, of: 1, in: "a")
        names.add(2, of: 1, in: "a")
        names.add(3, of: 1, in: "b")
        names.add(4, of: 2)
        #expect(names.text == "batch 1: 1, 2 in a; batch 1: 3 in b; batch 2: 4; and 1 more")
        #expect(names.count == 5)
    }
}
