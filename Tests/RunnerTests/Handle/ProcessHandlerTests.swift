import Glibc
import JobStore
import Synchronization
import TestSupport
import Testing

@testable import Runner

@Suite(.timeLimit(.minutes(1))) struct ProcessHandlerTests {
    private let bench: HandlerBench

    init() throws { bench = try HandlerBench() }

    @Test func handle_returnsWhatTheProcessAnswers() async throws {
        let handler = try bench.handler(
            #"""
            next
            echo "$line" >"$F/line"
            echo "{\"request\":$n,\"id\":1,\"records\":[{\"a\" : 1.0}, \"b\",[]],\"follow\":[\"/next\"]}"
            next
            echo "{\"verdict\":{\"retry_after\":1.5},\"request\":$n}"
            next
            """#)
        let record = try bench.record(17)
        let handled = try await handler.handle(record)
        #expect(String(decoding: handled.records, as: UTF8.self) == #"{"a" : 1.0},"b",[]"#)
        #expect(handled.recordCount == 3)
        #expect(handled.follow == [FollowRequest("/next")])
        #expect(handled.verdict == .done)
        let renderer = JSONLinesRenderer(keepsBodies: true)
        let line = try renderer.text(of: record)
        #expect(bench.text(of: "line") == #"{"request":1,"# + line.dropFirst())
        #expect(try await handler.handle(record).verdict == .retry(after: .seconds(1.5)))
        await handler.close()
        #expect(bench.starts == 1)
    }

    @Test func answers_mayComeInAnyOrder() async throws {
        let handler = try bench.handler(
            #"""
            next; n1=$n id1=$id; next; n2=$n id2=$id; next; answer
            n=$n1 id=$id1; answer; n=$n2 id=$id2; answer; next
            """#)
        for (id, result) in try await bench.results(of: handler, 0..<3) {
            #expect(try result.get().records == Array("\(id)".utf8))
        }
        await handler.close()
    }

    /// Lines are written together, and in pieces where the pipe is full.
    @Test func linesOfAllSizes_areWhole() async throws {
        let script = """
            import json, sys
            for line in sys.stdin:
                response = json.loads(line)
                print(json.dumps({"request": response["request"], "records": [response["id"], len(response["body"])]}), flush=True)
            """
        write(Array(script.utf8), to: bench.folder + "/sizes.py")
        let handler = try bench.handler("exec python3 \"$F/sizes.py\"", processes: 2) {
            $0.window = 40
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for id in 0..<300 {
                let size = [0, 10, 2000, 16_000, 17_000, 70_000, 300_000][id % 7]
                let record = try bench.record(id, body: Array(repeating: 0x61, count: size))
                group.addTask {
                    let handled = try await handler.handle(record)
                    #expect(String(decoding: handled.records, as: UTF8.self) == "\(id),\(size)")
                }
            }
            try await group.waitForAll()
        }
        await handler.close()
        #expect(bench.starts == 2)
    }

    @Test func process_getsNoMoreThanItsWindow_andNoDescriptor() async throws {
        let handler = try bench.handler(
            #"""
            (exec ls /proc/self/fd >"$F/open")
            while next; do
                echo $n >>"$F/sent"
                n1=$n id1=$id; next; echo $n >>"$F/sent"
                # A third one would come at once.
                if timeout 0.3 head -c 1 >/dev/null; then echo too many >>"$F/sent"; fi
                answer; n=$n1 id=$id1; answer
            done
            """#
        ) { $0.window = 2 }
        for result in try await bench.results(of: handler, 0..<4).values { _ = try result.get() }
        await handler.close()
        // The last is the folder that is listed.
        #expect(bench.text(of: "open").split(separator: "\n") == ["0", "1", "2", "3"])
        #expect(bench.text(of: "sent") == "1\n2\n3\n4\n" || !bench.text(of: "sent").contains("too"))
    }

    @Test func processes_areStartedAsTheyAreNeeded() async throws {
        let handler = try bench.handler("while next; do answer; done", processes: 4)
        for id in 0..<3 { _ = try await handler.handle(try bench.record(id)) }
        #expect(bench.starts == 1)
        await handler.close()
    }

    @Test func largeBody_isAFileUntilItIsAnswered() async throws {
        let handler = try bench.handler(
            #"""
            next
            path=${line#*'"body_file":"'} && path=${path%%'"'*}
            cp "$path" "$F/body"
            echo "$path" >"$F/path"
            answer
            next
            """#
        ) { $0.lineBodyBytesMax = 1000 }
        let body = (0..<700_001).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7) }
        _ = try await handler.handle(try bench.record(1, body: body))
        let kept = contents(of: bench.sinks.folder.file("body"))
        #expect(kept == body)
        let path = bench.text(of: "path").dropLast()
        #expect(path.hasPrefix("/proc/\(getpid())/fd/"))
        // Nothing of it is left but where the number is somebody else's by now.
        var target = [UInt8](repeating: 0, count: 4096)
        let count = readlink(String(path), &target, target.count)
        #expect(count < 0 || !String(decoding: target[..<count], as: UTF8.self).contains("/#"))
        await handler.close()
    }

    @Test func cancelled_isNotWaitedFor_andTheProcessGoesOn() async throws {
        let handler = try bench.handler(
            #"""
            next
            mkfifo "$F/gate"
            echo >>"$F/begun"
            read go <"$F/gate"
            answer
            while next; do answer; done
            """#)
        let record = try bench.record(1)
        let task = Task { try await handler.handle(record) }
        while bench.text(of: "begun").isEmpty { await Task.yield() }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        let gate = open(bench.folder + "/gate", O_WRONLY)
        _ = write(gate, "\n", 1)
        close(gate)
        #expect(try await handler.handle(try bench.record(2)).records == Array("2".utf8))
        #expect(bench.starts == 1)
        // Cancelled before it began.
        let late = Task {
            while !Task.isCancelled { await Task.yield() }
            return try await handler.handle(record)
        }
        late.cancel()
        await #expect(throws: CancellationError.self) { try await late.value }
        await handler.close()
    }

    @Test func standardError_isToldByLine() async throws {
        let handler = try bench.handler(
            #"""
            next
            printf 'one\n\ntwo \001\377\n' >&2
            i=0; while [ $i -lt 3000 ]; do echo "line $i"; i=$((i + 1)); done >&2
            answer
            next
            """#)
        _ = try await handler.handle(try bench.record(1))
        await handler.close()
        let told = bench.told.withLock { $0 }
        #expect(told.first == "1: one")
        #expect(
            told.contains("1: two  \u{FFFD}") || told.contains("1: two \u{FFFD}"),
            "\(told.prefix(4))")
        #expect(told.contains { $0.hasSuffix("more lines)") })
        #expect(told.count < 1000)
    }

    // MARK: - The end

    /// A bell may ring after its news was taken. It must not ring on, or the thread would never sleep.
    @Test func aBellWithoutNews_isAnswered() async throws {
        let pool = try ProcessPool(ProcessHandlerOptions(command: "cat")) { _, _ in }
        var one: UInt64 = 1
        for _ in 0..<3 {
            #expect(write(pool.bell, &one, 8) == 8)
            let deadline = ContinuousClock.now + .seconds(20)
            while !isSilent(pool.bell), ContinuousClock.now < deadline { await Task.yield() }
            #expect(isSilent(pool.bell))
        }
        await pool.close()
    }

    private func isSilent(_ bell: Int32) -> Bool {
        var watched = pollfd(fd: bell, events: Int16(POLLIN), revents: 0)
        return poll(&watched, 1, 0) == 0
    }

    @Test func close_letsProcessesEndAtTheEndOfTheirInput() async throws {
        let handler = try bench.handler(
            #"while IFS= read -r line; do n=${line#*:}; n=${n%%,*}; id=1; answer; done; sleep 0.2; echo >"$F/bye""#
        )
        _ = try await handler.handle(try bench.record(1))
        await handler.close()
        #expect(bench.text(of: "bye") == "\n")
        await #expect(throws: HandlerError.self) { try await handler.handle(try bench.record(2)) }
        await handler.close()
    }

    @Test func close_killsWhatDoesNotEnd() async throws {
        let handler = try bench.handler(
            #"""
            trap 'echo >"$F/asked"' TERM
            sleep 1000 & echo $! >"$F/child"
            next; answer
            while :; do sleep 1000 & wait $!; done
            """#
        ) { $0.grace = .milliseconds(50) }
        _ = try await handler.handle(try bench.record(1))
        await handler.close()
        #expect(bench.text(of: "asked") == "\n")
        let child = try #require(pid_t(bench.text(of: "child").dropLast()))
        #expect(isGone(child))
    }

    /// Whether a process has ended, be it that nobody has taken it off the table.
    private func isGone(_ process: pid_t) -> Bool {
        for _ in 0..<1000 {
            guard let stat = MachineLimits.contents(of: "/proc/\(process)/stat") else {
                return true
            }
            if stat.contains(") Z ") { return true }
            usleep(10_000)
        }
        return false
    }
}
