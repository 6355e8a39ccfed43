import Foundation
import TestSupport
import Testing

@testable import runner_cli

/// `--max-failures`, `--run-time`, `--until` and `--max-bytes`: the run ends with 12, and the next
/// one goes on.
@Suite(.serialized) struct StopLimitTests {
    /// - Returns: The result as JSON.
    private func stopped(
        _ program: Program, _ ending: String, _ arguments: String...,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> [String: Any] {
        let result = try await program.start(
            "runner", ["run", "-q", "--json", "--retries", "0"] + arguments
        ).wait()
        #expect(result.status == 12, "\(result.err)", sourceLocation: sourceLocation)
        let json = try result.json
        #expect(json["ending"] as? String == ending, sourceLocation: sourceLocation)
        return json
    }

    private func count(_ state: String, in json: [String: Any]) -> Int? {
        (json["jobs"] as? [String: Any])?[state] as? Int
    }

    @Test(arguments: [("20", 20), ("1", 1), ("50%", 100)])
    func maxFailures_stops_andTheNextRunGoesOn(bound: String, failuresMin: Int) async throws {
        let origin = try await TestOrigin()
        let program = Program()
        try await program.enqueue(3000, origin, "status/404/{id}")
        let json = try await stopped(
            program, "max_failures", "--workers", "4", "--max-failures", bound)
        let failed = try #require(count("failed", in: json))
        #expect(failed >= failuresMin && failed < 3000, "\(failed)")
        let rest = try await program.runner("run", "-q")
        #expect(rest.status == 1, "\(rest.err)")
        #expect(try await program.status().jobs.failed == 3000)
        #expect(try origin.hits().requests == 3000)
    }

    @Test func maxFailures_letsFewerPass() async throws {
        let origin = try await TestOrigin()
        let program = Program()
        try await program.enqueue(10, origin, "status/404/{id}")
        try await program.enqueue(200, origin)
        let result = try await program.runner(
            "run", "-q", "--retries", "0", "--max-failures", "20%", "--workers", "1")
        #expect(result.status == 1, "\(result.err)")
        #expect(try await program.status().jobs.completed == 200)
    }

    @Test func runTime_stops_asAFirstSignalDoes() async throws {
        let origin = try await TestOrigin()
        let program = Program()
        try await program.enqueue(100, origin, "delay/300/{id}")
        let start = ContinuousClock.now
        let json = try await stopped(program, "run_time", "--workers", "2", "--run-time", "1")
        let took = ContinuousClock.now - start
        #expect(took >= .seconds(1) && took < .seconds(20), "\(took)")
        let completed = try #require(count("completed", in: json))
        // What was in flight is not asked for again.
        #expect(try origin.hits().requests == completed)
        #expect(completed > 0 && completed < 100)
    }

    @Test func runTime_cutsShort_whatOutlastsTheGrace() async throws {
        let origin = try await TestOrigin()
        let program = Program()
        try await program.enqueue(3, origin, "delay/60000/{id}")
        let json = try await stopped(program, "run_time", "--run-time", "0.5", "--grace", "0.2")
        #expect(count("available", in: json) == 3)
    }

    @Test func maxBytes_stops() async throws {
        let origin = try await TestOrigin()
        let program = Program()
        try await program.enqueue(1000, origin, "body/10000/{id}")
        let json = try await stopped(program, "max_bytes", "--workers", "1", "--max-bytes", "100k")
        let completed = try #require(count("completed", in: json))
        #expect((11...200).contains(completed), "\(completed)")
    }

    @Test func until_isTheNextSuchTime_andSaysWhen() async throws {
        let origin = try await TestOrigin()
        var program = Program()
        program.environment["TZ"] = "UTC"
        try await program.enqueue(1, origin, "delay/60000/{id}")
        let moment = Int(Date().timeIntervalSince1970) + 3
        let clock = [moment / 3600 % 24, moment / 60 % 60, moment % 60].map {
            ($0 < 10 ? "0" : "") + "\($0)"
        }.joined(separator: ":")
        let result = try await program.runner("run", "--until", clock, "--grace", "0.1")
        result.expectStopped(12, "it is the time that --until names; run again to resume")
        #expect(result.err.contains(" \(clock) UTC\n"), "\(result.err)")
        let late = Int(Date().timeIntervalSince1970) - moment
        #expect((0..<20).contains(late), "\(late)")
    }

    @Test(arguments: [
        ["--max-failures", "0"], ["--max-failures", "101%"], ["--max-failures", "%"],
        ["--max-failures", "-1"], ["--until", "24:00"], ["--until", "6"], ["--until", "06:60"],
        ["--until", "06:00:00:00"], ["--until", "tomorrow"], ["--max-bytes", "0"],
        ["--run-time", "0"],
    ])
    func whatIsNoLimit_isRefused(words: [String]) async throws {
        let result = try await Program().runner("run", "\(words[0])=\(words[1])")
        result.expectRefusal(2, words[0])
    }

    /// Whatever the zone of the machine that runs this.
    @Test func clockTime_isTheNextOne() throws {
        for text in ["00:00", "06:00", "23:59:59", "12:34:56"] {
            let time = try #require(ClockTime(argument: text))
            for hour in 0..<(366 * 24) {
                let now = 1_767_225_600 + hour * 3600 + hour % 3600
                let next = time.next(after: now)
                #expect(next > now && next <= now + 25 * 3600)
                var (moment, fields) = (time_t(next), tm())
                localtime_r(&moment, &fields)
                // Not where the clock is set forward past it.
                let isSkipped = fields.tm_hour != time.hour
                #expect(isSkipped || fields.tm_min == time.minute && fields.tm_sec == time.second)
            }
        }
    }
}

extension Program.Result {
    /// Checks that a run ended at a limit: `status`, and a result that holds `part`.
    fileprivate func expectStopped(
        _ status: Int32, _ part: String, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(self.status == status, "\(err)", sourceLocation: sourceLocation)
        #expect(out.contains(part), "\(out)", sourceLocation: sourceLocation)
    }
}
