import Foundation
import TestSupport
import Testing

@testable import runner_cli

/// `runner enqueue --streaming`: lines are jobs as they come, and an import goes on where it was.
@Suite struct StreamingTests {
    private let program = Program()

    private func file(_ name: String, _ text: String) {
        write(Array(text.utf8), to: program.folder.file(name))
    }

    private func enqueue(_ arguments: String...) async throws -> Program.Result {
        try await program.start("runner", ["enqueue"] + arguments).wait()
    }

    private func urls(_ numbers: Range<Int>, _ base: String = "http://h") -> String {
        numbers.map { "\(base)/\($0)\n" }.joined()
    }

    private func imports() async throws -> [[String: Any]] {
        let result = try await program.runner("status", "--json")
        result.expectSuccess()
        return try result.json["imports"] as? [[String: Any]] ?? []
    }

    /// Begins a list by a pipe of which a number of lines are queued.
    private func begin(
        _ pipe: Pipe, _ numbers: Range<Int>, _ arguments: String...
    ) async throws -> Program.Running {
        let before = try await program.total
        let adding = try program.start(
            "runner", ["enqueue", "--streaming", pipe.name] + arguments)
        pipe.write(urls(numbers))
        try await adding.wait { try await program.total == before + numbers.count }
        return adding
    }

    // MARK: - As they come

    @Test func lines_areFetched_asTheyCome() async throws {
        let origin = try await TestOrigin()
        let pipe = Pipe("lines", in: program)
        let adding = try program.start(
            "runner", ["enqueue", "--streaming", "-i", "lines", "--name", "l", "--json"])
        pipe.write(urls(0..<2, origin.url))
        try await adding.wait { try await program.total == 2 }
        let run = try program.start("runner", ["run", "-q", "--follow", "--output", "out"])
        try await run.wait { try origin.hits().distinct == 2 }
        for number in 2..<5 {
            // Half a line is nobody's.
            pipe.write(urls(number..<number + 1, origin.url) + "http://")
            try await run.wait { try origin.hits().distinct == 2 * number - 1 }
            pipe.write("127.0.0.1:\(origin.port)/\(10_000 + number)\n")
            try await run.wait { try origin.hits().distinct == 2 * number }
        }
        try await run.wait { try await program.jobs()["completed"] == 8 }
        #expect(try await imports().first?["active"] as? Bool == true)
        pipe.write("no URL\n\n# none\n\(urls(5..<9000, origin.url))")
        pipe.close()
        let added = await adding.wait()
        #expect(added.status == 0, "\(added.err)")
        let report = try added.json
        #expect(report["jobs"] as? Int == 9003 && report["complete"] as? Bool == true)
        #expect(report["rejected"] as? Int == 1 && report["skipped"] as? Int == 2)
        #expect(report["lines"] as? Int == 9006 && report["new"] as? Bool == true)
        #expect(try await imports().isEmpty)
        try await run.wait { try await program.jobs()["completed"] == 9003 }
        try await program.expectVerified()
        run.kill(SIGINT)
        // All was done when the signal came.
        #expect(await run.wait().status == 0)
        #expect(try origin.hits().repeated == 0)
        try await program.expectVerified()
    }

    @Test func verify_isSound_whileAListGrows() async throws {
        let origin = try await TestOrigin()
        let pipe = Pipe("lines", in: program)
        let adding = try program.start("runner", ["enqueue", "--streaming", "lines"])
        pipe.write(urls(0..<1, origin.url))
        try await adding.wait { try await program.total == 1 }
        let run = try program.start("runner", ["run", "-q", "--follow", "--output", "out"])
        for part in 0..<10 {
            pipe.write(urls(1 + part * 500..<1 + (part + 1) * 500, origin.url))
            try await program.expectVerified("part \(part)")
        }
        pipe.close()
        #expect(await adding.wait().status == 0)
        try await run.wait { try await program.jobs()["completed"] == 5001 }
        run.kill(SIGINT)
        _ = await run.wait()
        try await program.expectVerified()
    }

    // MARK: - Going on

    @Test func aPipe_goesOn_behindWhatWasTaken() async throws {
        var pipe = Pipe("lines", in: program)
        let adding = try await begin(pipe, 0..<40, "--name", "l")
        adding.kill(SIGKILL)
        _ = await adding.wait()
        let text = try await program.runner("status").out
        #expect(text.contains("not complete: batch 1 from a pipe, 40 lines so far"), "\(text)")
        #expect(try await program.runner("batches").out.contains("  l  list (not complete)"))
        let left = try #require(try await imports().first)
        #expect(left["active"] as? Bool == false && left["records"] as? Int == 40)

        pipe = Pipe("lines", in: program)
        let again = try program.start("runner", ["enqueue", "--streaming", "--continue", "lines"])
        pipe.write(urls(0..<100))
        pipe.close()
        let result = await again.wait()
        #expect(result.status == 0, "\(result.err)")
        #expect(result.err.contains("goes on after line 40 of lines"))
        #expect(
            result.out
                == "queued 60 more jobs of lines, IDs 40..<100, as batch 1 in runner.db\n")
        #expect(try await program.exported() == (0..<100).map { "http://h/\($0)" })
        #expect(try await imports().isEmpty)
        try await program.expectVerified()
    }

    @Test func aStop_queuesWhatWasRead_andTheListGoesOn() async throws {
        var pipe = Pipe("lines", in: program)
        let adding = try await begin(pipe, 0..<3)
        adding.kill(SIGINT)
        let result = await adding.wait()
        #expect(result.status == 11, "\(result.err)")
        #expect(
            result.out
                == "stopped after line 3, queued 3 jobs of lines, IDs 0..<3, as batch 1 in runner.db; pipe the same list again with --continue to go on\n"
        )
        pipe = Pipe("lines", in: program)
        let again = try program.start(
            "runner", ["enqueue", "--streaming", "--continue", "lines", "--json"])
        pipe.write(urls(0..<5))
        pipe.close()
        let json = try await again.wait().json
        #expect(json["jobs"] as? Int == 2 && json["first_id"] as? Int == 3)
        #expect(try await program.exported() == (0..<5).map { "http://h/\($0)" })
    }

    /// One Ctrl-C stops the writer of a pipe, too, perhaps within a line.
    @Test func halfALine_isNotTaken_whenItsWriterIsStoppedAsWell() async throws {
        let pipe = Pipe("lines", in: program)
        let adding = try await begin(pipe, 0..<3)
        pipe.write("http://h/hal")
        adding.kill(SIGINT)
        pipe.close()
        #expect(await adding.wait().status == 11)
        #expect(try await imports().first?["records"] as? Int == 3)
        #expect(try await program.total == 3)
    }

    @Test func anotherPipe_isRefused_whenItIsShorter() async throws {
        var pipe = Pipe("lines", in: program)
        let adding = try await begin(pipe, 0..<10)
        adding.kill(SIGKILL)
        _ = await adding.wait()
        pipe = Pipe("lines", in: program)
        let again = try program.start("runner", ["enqueue", "--streaming", "--continue", "lines"])
        pipe.write(urls(0..<4))
        pipe.close()
        let result = await again.wait()
        #expect(result.status == 2)
        #expect(result.err.contains("has only 4 rows, and 10 of it were taken before"))
        #expect(try await imports().count == 1)
    }

    /// What is cut short is taken as far as it goes, and goes on once it is whole.
    @Test func aGzipFile_goesOn_onceItIsMended() async throws {
        file("urls", urls(0..<50_000) + "no URL\n")
        let cut = "gzip -c urls >whole; head -c 60000 whole >urls.gz"
        try await program.shell(cut, []).expectSuccess()
        let broken = try await enqueue("urls.gz", "--streaming", "--rejects", "bad")
        broken.expectRefusal(2, "urls.gz", "gzip", "lines before were taken", "same command")
        let taken = try #require(try await imports().first)
        let records = try #require(taken["records"] as? Int)
        #expect(try await program.total == records && (1..<50_000).contains(records))
        #expect(taken["list"] as? String == "urls.gz")
        try await enqueue("urls.gz").expectRefusal(2, "queued in part as batch 1", "--streaming")
        try await enqueue("urls.gz", "--streaming", "-X", "HEAD")
            .expectRefusal(2, "batch 1 was begun with another method")
        try await enqueue("urls.gz", "--streaming", "--name", "n")
            .expectRefusal(2, "batch 1, without a name", "--again")
        try await enqueue("urls.gz", "--streaming", "--priority", "7")
            .expectRefusal(2, "batch 1 was begun with --priority 0")

        file("bad", "kept\n")
        try await program.shell("mv whole urls.gz", []).expectSuccess()
        let result = try await enqueue("urls.gz", "--streaming", "--rejects", "bad")
        #expect(result.status == 0, "\(result.err)")
        #expect(result.err.contains("goes on after line \(Format.count(records)) of urls.gz"))
        #expect(try await program.exported() == (0..<50_000).map { "http://h/\($0)" })
        let bad = String(decoding: contents(of: program.folder.file("bad")), as: UTF8.self)
        #expect(bad.hasPrefix("kept\nurls.gz:50001\t"), "\(bad)")
        try await enqueue("urls.gz", "--streaming").expectRefusal(2, "queued before", "--again")
        try await enqueue("urls.gz").expectRefusal(2, "queued before", "--again")
        try await program.expectVerified()
    }

    // MARK: - Which one

    @Test func severalPipes_areToldApart_byName() async throws {
        for (number, name) in ["one", "two"].enumerated() {
            let pipe = Pipe(name, in: program)
            let adding = try await begin(pipe, 0..<3 + number, "--name", name)
            if number == 1 {
                let other = Pipe("other", in: program)
                let refused = try program.start(
                    "runner", ["enqueue", "--streaming", "--continue", "--name", "2", "other"])
                await refused.wait().expectRefusal(4, "the list of batch 2", "is being added")
                other.close()
            }
            adding.kill(SIGKILL)
            _ = await adding.wait()
        }
        file("urls", urls(0..<9))
        let piped = "cat urls | exec \"$0\" enqueue --streaming -i - \"$@\""
        try await program.shell(piped, ["--continue"])
            .expectRefusal(2, "several lists", "1 (one), 2 (two)", "--name")
        try await program.shell(piped, ["--continue", "--name", "three"])
            .expectRefusal(2, "no list with the name or ID 'three'", "runner batches")
        try await program.shell(piped, ["--if-absent", "one"])
            .expectRefusal(2, "batch 1", "not complete", "--continue")
        for name in ["2", "one"] {
            let result = try await program.shell(piped, ["--continue", "--name", name])
            #expect(result.status == 0, "\(result.err)")
        }
        try await program.shell(piped, ["--continue"])
            .expectRefusal(2, "there is no list to go on with", "--continue")
        #expect(try await program.total == 18)
        try await program.expectVerified()
    }

    @Test func ifAbsent_withContinue_makesAPipeSafeToRepeat() async throws {
        let pipe = Pipe("lines", in: program)
        let adding = try await begin(pipe, 0..<3, "--continue", "--if-absent", "l")
        adding.kill(SIGKILL)
        _ = await adding.wait()
        file("urls", urls(0..<9))
        let piped = "cat urls | exec \"$0\" enqueue --streaming -i - --continue --if-absent l"
        let second = try await program.shell(piped, [])
        #expect(second.status == 0 && second.out.contains("queued 6 more jobs"), "\(second)")
        let third = try await program.shell(piped, [])
        #expect(third.status == 0 && third.out.contains("queued nothing: batch 1"), "\(third)")
        #expect(try await program.total == 9)
    }

    /// Half a list is not what is to be there, whatever would be queued in its place.
    @Test(arguments: [
        ["--range", "0..5"], ["urls"], ["urls", "--streaming"],
        ["--from-batch", "ids", "--outcome", "200"],
    ])
    func ifAbsent_isRefused_whereTheListIsNotComplete(source: [String]) async throws {
        let pipe = Pipe("lines", in: program)
        let adding = try await begin(pipe, 0..<3, "--name", "l")
        adding.kill(SIGKILL)
        _ = await adding.wait()
        file("urls", urls(0..<9))
        try await program.runner("enqueue", "--range", "0..5", "--name", "ids").expectSuccess()
        let arguments = ["enqueue", "--if-absent", "l"] + source
        try await program.start("runner", arguments).wait()
            .expectRefusal(2, "batch 1", "not complete", "--streaming --continue")
        try await program.start("runner", ["enqueue", "--name", "l"] + source).wait()
            .expectRefusal(2, "'l' belongs to batch 1", "--name")
        #expect(try await program.total == 8)
        pipe.close()
    }

    @Test(
        arguments: [
            (["list", "--strict"], "--strict"), (["list", "list"], "takes one list"),
            (["--range", "0..5"], "--streaming goes with a list"),
            (["list", "--continue", "--again"], "--continue"),
            (["list", "--continue"], "there is no list to go on with"),
            (["list", "--url", "http://h/{x}"], "has {x}"), (["missing"], "does not exist"),
        ] as [([String], String)])
    func streaming_isRefused(arguments: [String], because word: String) async throws {
        file("list", "http://h/a\n")
        try await program.start("runner", ["enqueue", "--streaming"] + arguments).wait()
            .expectRefusal(2, word)
        guard try program.files()["runner.db"] != nil else { return }
        #expect(try await program.total == 0)
    }

    @Test func aListThatWasCancelled_isDoneWith() async throws {
        let pipe = Pipe("lines", in: program)
        let adding = try await begin(pipe, 0..<3, "--name", "l")
        try await program.runner("cancel", "l").expectSuccess()
        #expect(try await imports().isEmpty)
        pipe.write(urls(3..<4))
        let result = await adding.wait()
        #expect(result.status == 3 && result.err.contains("was cancelled"), "\(result.err)")
        #expect(try await program.jobs()["cancelled"] == 3)
        // Nothing is left to go on with, and the list may be queued again.
        file("urls", urls(0..<4))
        try await enqueue("urls").expectSuccess()
        #expect(try await program.jobs()["available"] == 4)
        try await program.expectVerified()
    }

    @Test func aListThatGrows_isComparedAgain() async throws {
        let pipe = Pipe("lines", in: program)
        let adding = try await begin(pipe, 0..<3)
        file("b", urls(2..<4))
        try await enqueue("b", "--unique").expectSuccess()
        #expect(try await program.total == 4)
        pipe.write(urls(10..<12))
        try await adding.wait { try await program.total == 6 }
        file("c", urls(10..<13))
        try await enqueue("c", "--unique").expectSuccess()
        #expect(try await program.total == 7)
        pipe.close()
        await adding.wait().expectSuccess()
        file("d", urls(0..<13))
        try await enqueue("d", "--unique").expectSuccess()
        #expect(try await program.total == 13)
        try await program.expectVerified()
    }

    @Test func continue_isRefused_withoutStreaming() async throws {
        file("list", "http://h/a\n")
        try await enqueue("list", "--continue").expectRefusal(2, "--streaming")
        try await enqueue("--range", "0..5", "--continue").expectRefusal(2, "--streaming")
    }

    @Test(arguments: ["", "\n# a\n", "no URL\n"])
    func aListWithoutAJob_isNoBatch(text: String) async throws {
        file("list", text)
        let result = try await enqueue("list", "--streaming")
        #expect(result.status == 2 && result.err.contains("has no line that can be queued"))
        #expect(try await program.total == 0)
        #expect(try await imports().isEmpty)
        try await program.expectVerified()
    }

    @Test func columns_areGoneOnWith() async throws {
        file("urls.csv", "sku,land\n1,de\n2,\"f\nr\"\n")
        let arguments = ["urls.csv", "--streaming", "--url", "http://h/{land}/{sku}"]
        try await program.start("runner", ["enqueue"] + arguments).wait().expectSuccess()
        #expect(try await program.exported() == ["http://h/de/1", "http://h/f%0Ar/2"])
        // Larger now, it is another list.
        file("urls.csv", "sku,land\n1,de\n2,\"f\nr\"\n3,it\n")
        try await program.start("runner", ["enqueue"] + arguments).wait().expectSuccess()
        #expect(try await program.total == 5)
    }
}

/// A named pipe into which a test writes.
struct Pipe {
    let name: String
    private let descriptor: Int32

    init(_ name: String, in program: Program) {
        self.name = name
        let path = program.folder.file(name)
        unlink(path)
        precondition(mkfifo(path, 0o600) == 0, "a folder of ours takes a pipe")
        // For both, so that it does not wait for a reader.
        descriptor = open(path, O_RDWR | O_CLOEXEC)
        precondition(descriptor >= 0, "a pipe of ours may be opened")
    }

    func write(_ text: String) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            precondition(count > 0, "a pipe that has a reader takes bytes")
            bytes = bytes.dropFirst(count)
        }
    }

    /// Ends the list, once it was read: what nobody has opened is lost with its last writer.
    func close() {
        var unread: Int32 = 1
        while ioctl(descriptor, UInt(FIONREAD), &unread) == 0, unread > 0 { usleep(1000) }
        Glibc.close(descriptor)
    }
}

extension Program {
    /// The number of all jobs; 0 without a queue.
    var total: Int {
        get async throws {
            guard FileManager.default.fileExists(atPath: folder.file("runner.db")) else { return 0 }
            return try await jobs()["total"] ?? 0
        }
    }

    /// The URLs of all jobs, in the order of the queue.
    func exported() async throws -> [String] {
        let result = try await runner("export", "--format", "jsonl")
        result.expectSuccess()
        return try result.out.split(separator: "\n").map { row in
            let start = try #require(row.firstRange(of: "\"url\":\"")).upperBound
            return String(row[start...].prefix { $0 != "\"" })
        }
    }
}
