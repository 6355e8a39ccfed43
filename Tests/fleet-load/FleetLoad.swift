import ArgumentParser
import Glibc
import JobStore
import Stores

/// Loads a queue in a database as many runners do, without making requests.
@main
struct FleetLoad: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fleet-load",
        abstract: "Load a queue in PostgreSQL as many runners do, without making requests.",
        discussion: """
            Each runner claims and commits through a queue of its own, as a run does: a commit each
            100 ms to 1 s, as the store asks for, of as many jobs as come in that time. Prints a line of
            JSON on standard output once all have claimed, and one at the end.
            """)

    @Option(help: "The URL of a queue with jobs enough.") var queue: String
    @Option(help: "Runners at a time.") var runners = 16
    @Option(help: "Jobs a second of each runner; 0 for as many as it can.") var rate = 1000
    @Option(help: "The time that is measured.") var seconds = 10
    @Option(help: "Of how many jobs one is tried again, after two seconds; 0 for none.")
    var retryEach = 50
    @Option(help: "Of how many jobs one ends otherwise than the others; 0 for none.")
    var otherEach = 100

    func run() async throws {
        let load = SimulatedRunner.Load(
            rate: rate, retryEach: retryEach, otherEach: otherEach)
        var members: [SimulatedRunner] = []
        for _ in 0..<runners {
            members.append(try await SimulatedRunner(try openQueue(at: queue), load))
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for member in members { group.addTask { try await member.fill() } }
            try await group.waitForAll()
        }
        print(#"{"ready":\#(runners)}"#)
        fflush(nil)
        let begin = ContinuousClock.now
        let end = begin + .seconds(seconds)
        let figures = try await withThrowingTaskGroup(of: SimulatedRunner.Figures.self) { group in
            for (number, member) in members.enumerated() {
                // Not all at the same moment, as runs that were begun by hand.
                let offset = Duration.milliseconds(1000 * number / members.count)
                group.addTask { try await member.work(from: begin + offset, until: end) }
            }
            return try await group.reduce(into: SimulatedRunner.Figures()) { $0.add($1) }
        }
        print(figures.json(elapsed: ContinuousClock.now - begin))
        fflush(nil)
        await withTaskGroup(of: Void.self) { group in
            for member in members { group.addTask { await member.end() } }
        }
    }
}
