import Glibc
import JobStore
import TestSupport
import Testing

@testable import Runner

/// The rate of a handler in Python, beside that of the same Python with the same lines in a file.
@Suite(.timeLimit(.minutes(2))) struct HandlerRateTests {
    private static let script = """
        import json, sys
        for line in sys.stdin:
            response = json.loads(line)
            answer = {"request": response["request"], "records": [len(response["body"])]}
            print(json.dumps(answer), flush=True)
        """

    @Test(arguments: [2000, 20_000]) func responsesAreHandled_atARate(bodyBytes: Int) async throws {
        let bench = try HandlerBench()
        let body = Array(repeating: Array("<p class=\"a\">text</p>\n".utf8), count: bodyBytes / 22)
            .flatMap { $0 }
        let count = 20_000_000 / (bodyBytes + 2000)
        let script = bench.folder + "/handler.py"
        write(Array(Self.script.utf8), to: script)
        var options = ProcessHandlerOptions(command: "exec python3 \(script)", processes: 2)
        options.window = 64
        let handler = try ProcessHandler(options)
        let begin = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for place in 0..<handler.concurrency {
                let record = try bench.record(place, body: body)
                group.addTask {
                    for _ in stride(from: place, to: count, by: handler.concurrency) {
                        _ = try await handler.handle(record)
                    }
                }
            }
            try await group.waitForAll()
        }
        let time = ContinuousClock.now - begin
        await handler.close()

        let lines = bench.folder + "/lines"
        let file = open(lines, O_WRONLY | O_CREAT, 0o600)
        let record = try bench.record(0, body: body)
        for number in 0..<count / 2 {
            let line = try ResponseLine(number, record, lineBodyBytesMax: 1 << 20)
            _ = line.bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
        }
        close(file)
        let alone = ContinuousClock.now
        let one = "python3 \(script) <\(lines) >/dev/null"
        #expect(system("\(one) & \(one); wait") == 0)
        let timeAlone = ContinuousClock.now - alone
        let rate = Int(Double(count) / (time / .seconds(1)))
        print(
            "\(bodyBytes) bytes: \(rate) responses/s by 2 processes, \(timeAlone / time) of the same from a file"
        )
        // Far below what a build for release gets; a wait for each response would be below it.
        #expect(timeAlone / time > 0.02)
    }
}
