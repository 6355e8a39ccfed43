import TestSupport
import Testing

/// What happens instead of a system call, or before it.
///
/// `RUNNER_TEST_SYSCALL_STEP=1` strikes in all ways at each call, at any other step at every so many;
/// without it, one way and one point of a call are drawn.
enum SyscallStrike: String, CaseIterable, Sendable {
    case kill = "signal=KILL"
    case noSpace = "error=ENOSPC"
    case broken = "error=EIO"

    static let step = setting("RUNNER_TEST_SYSCALL_STEP", default: 0)

    /// Calls a function with rising points until none is struck.
    ///
    /// - Parameters:
    ///   - point: The kind of calls that are struck.
    ///   - test: The name of the test, for the seed and the output.
    ///   - firstMax: The highest number of a call to begin with; where so many are not made, it is
    ///     halved.
    ///   - body: Tells whether the call of this number was struck.
    static func forEachPoint(
        _ point: some CustomStringConvertible, of test: String, firstMax: Int,
        _ body: (SyscallStrike, Int) async throws -> Bool
    ) async throws {
        var random = SeededGenerator(seed: testSeed(for: "\(test) \(point)"))
        for strike in step > 0 ? allCases : [allCases.randomElement(using: &random)!] {
            var number = Int.random(in: 1...(step > 0 ? step : firstMax), using: &random)
            var struck = 0
            while number < 5000 {
                if try await body(strike, number) {
                    struck += 1
                    guard step > 0 else { break }
                    number += step
                } else if struck == 0 && number > 1 {
                    number /= 2
                } else {
                    break
                }
            }
            #expect(struck > 0, "no \(point) was struck, so nothing was shown")
            print("\(test): \(point), \(strike): \(struck) points")
        }
    }
}

extension Program {
    /// Starts the program where the n-th call of each of its threads is struck.
    ///
    /// - Parameter paths: The files whose calls count; all where none is named.
    func start(
        struckAt call: String, _ strike: SyscallStrike, _ number: Int, paths: [String] = [],
        _ command: [String]
    ) throws -> Running {
        try start(
            injecting: ["\(call):\(strike.rawValue):when=\(number)"], paths: paths, command)
    }

    /// Starts the program with what strace is to do with its system calls.
    ///
    /// - Parameter injections: As strace's `inject` has them.
    func start(
        injecting injections: [String], paths: [String] = [], _ command: [String]
    ) throws -> Running {
        let calls = injections.map { $0.prefix { $0 != ":" } }.joined(separator: ",")
        var arguments = ["-f", "-qq", "-o", "/dev/null"]
        for path in paths { arguments += ["-P", path] }
        arguments += ["-e", "trace=\(calls)"]
        for injection in injections { arguments += ["-e", "inject=\(injection)"] }
        // strace may be killed, too, and would leave it behind.
        arguments += ["/usr/bin/setpriv", "--pdeathsig", "KILL", Program.products + "/runner"]
        return try start("/usr/bin/strace", arguments + command)
    }
}
