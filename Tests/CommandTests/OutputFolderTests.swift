import Foundation
import TestSupport
import Testing

/// What stands in the output's folder and what people do to it: nothing is overwritten, no link is
/// followed, and nothing is lost in silence.
@Suite(.serialized) struct OutputFolderTests {
    private let program = Program()

    private func path(_ name: String) -> String { program.folder.file(name) }

    private func makeFolder(_ name: String) throws {
        try FileManager.default.createDirectory(
            atPath: path(name), withIntermediateDirectories: true)
    }

    private func makeLink(_ name: String, to target: String) throws {
        try FileManager.default.createSymbolicLink(
            atPath: path(name), withDestinationPath: target)
    }

    private func move(_ name: String, to other: String) throws {
        try FileManager.default.moveItem(atPath: path(name), toPath: path(other))
    }

    /// A run of 20 jobs to its end, and 10 more to do.
    private func makeOutput(
        _ format: OutputFormat, _ origin: TestOrigin, _ more: String...
    ) async throws {
        try await program.enqueue(20, origin)
        let arguments = ["run", "--output", "out", "--format", format.rawValue] + more
        let result = try await program.start("runner", arguments).wait()
        #expect(result.status == 0, "\(result.err)")
        try await program.enqueue(10, origin)
        origin.reset()
    }

    /// Runs, and expects a refusal before the first request that leaves the folder as it is.
    private func expectRefusal(
        _ origin: TestOrigin, _ arguments: [String] = ["run"], naming parts: String...,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let folders = try [program.tree("")].map { tree in
            tree.filter { $0.key.contains("/") }
        }
        let result = try await program.start("runner", arguments).wait()
        #expect(result.status == 3, "\(result.out)\(result.err)", sourceLocation: sourceLocation)
        for part in parts {
            #expect(
                result.err.contains(part), "\(part) in: \(result.err)",
                sourceLocation: sourceLocation)
        }
        #expect(try origin.hits().requests == 0, sourceLocation: sourceLocation)
        let after = try program.tree("").filter { $0.key.contains("/") }
        #expect([after] == folders, "the folder was changed", sourceLocation: sourceLocation)
    }

    private func arguments(_ format: OutputFormat, folder: String = "out") -> [String] {
        ["run", "--output", folder, "--format", format.rawValue]
    }

    // MARK: - What was there before

    @Test(arguments: [OutputFormat.jsonl, .files])
    func anUnknownFileThatLooksLikeOurs_stopsTheRun(format: OutputFormat) async throws {
        let origin = try await TestOrigin()
        try await program.enqueue(20, origin)
        let name = format.fileName(1)
        try makeFolder("out")
        write(Array("somebody's own\n".utf8), to: path("out/\(name)"))
        try await expectRefusal(origin, arguments(format), naming: name)
        // A later number is as little ours.
        try move("out/\(name)", to: "out/\(format.fileName(7))")
        try await expectRefusal(origin, arguments(format), naming: format.fileName(7))
        // Out of the way, the run goes on.
        try move("out/\(format.fileName(7))", to: "own")
        let result = try await program.run(format)
        #expect(result.status == 0, "\(result.err)")
        try await program.expectPerfect(format, jobs: 20)
    }

    @Test func otherFilesOfTheFolder_stayAsTheyAre() async throws {
        let origin = try await TestOrigin()
        try await program.enqueue(20, origin)
        try makeFolder("out")
        let others = ["notes.txt", ".hidden", "responses.jsonl", "responses-1.csv"]
        for name in others { write(Array(name.utf8), to: path("out/\(name)")) }
        #expect(try await program.run(.jsonl).status == 0)
        let tree = try program.tree()
        #expect(Set(tree.keys) == Set(others + ["responses-00001.jsonl"]))
        for name in others { #expect(tree[name] == Array(name.utf8)) }
    }

    @Test(arguments: ["a/b/out", "a//b/./out//", "a/../a/b/out", "./a/b/out"])
    func theFolder_isMade_withThoseAboveIt(folder: String) async throws {
        let origin = try await TestOrigin()
        try await program.enqueue(5, origin)
        let result = try await program.start("runner", arguments(.jsonl, folder: folder)).wait()
        #expect(result.status == 0, "\(result.err)")
        try await program.checkOutput(.jsonl, folder: "a/b/out", jobs: 5)
        try await program.expectVerified()
    }

    @Test(arguments: ["file/out", "link/out"])
    func whatIsInTheWayOfTheFolder_isRefused(folder: String) async throws {
        let origin = try await TestOrigin()
        try await program.enqueue(5, origin)
        write(Array("a file".utf8), to: path("file"))
        try makeLink("link", to: "gone")
        let result = try await program.start("runner", arguments(.jsonl, folder: folder)).wait()
        result.expectStop(3, folder)
        #expect(try origin.hits().requests == 0)
    }

    @Test func aFileInPlaceOfTheFolder_isRefused() async throws {
        let origin = try await TestOrigin()
        try await program.enqueue(5, origin)
        write(Array("a file".utf8), to: path("out"))
        let result = try await program.run(.jsonl)
        result.expectStop(3, "out")
        #expect(contents(of: path("out")) == Array("a file".utf8))
        #expect(try origin.hits().requests == 0)
    }

    @Test func aSecondQueue_isRefused_inTheSameFolder() async throws {
        let origin = try await TestOrigin()
        try await makeOutput(.jsonl, origin)
        let other = ["--queue", "other.db"]
        try await program.start(
            "runner", ["enqueue", "--range", "0..5", "--url", "\(origin.url)/{id}"] + other
        ).wait().expectSuccess()
        try await expectRefusal(
            origin, arguments(.jsonl) + other, naming: "another queue's")
        // The first goes on undisturbed.
        try await program.finish()
        try await program.expectPerfect(.jsonl, jobs: 20, 10)
    }

    /// Queues that have an output of their own, with files of the same names: one with records in
    /// it, one where nothing was kept yet.
    @Test(arguments: ["{id}", "status/404/{id}"])
    func anotherQueuesFolder_isRefused_howeverAlikeItLooks(path: String) async throws {
        let origin = try await TestOrigin()
        try await makeOutput(.jsonl, origin)
        let before = try program.tree()
        let other = ["--queue", "other.db"]
        for range in ["0..5", "5..10"] {
            let url = "\(origin.url)/\(path)"
            try await program.start(
                "runner", ["enqueue", "--range", range, "--url", url] + other
            ).wait().expectSuccess()
            let folder = range == "0..5" ? "other" : "out"
            let result = try await program.start(
                "runner", ["run", "--output", folder] + other
            ).wait()
            if folder == "out" { result.expectStop(3, "another queue's") }
        }
        #expect(try program.tree() == before)
    }

    @Test func queuesThatBeginTogether_inOneFolder_areKeptApart() async throws {
        let origin = try await TestOrigin()
        for number in 0..<4 {
            try await program.start(
                "runner",
                [
                    "enqueue", "--range", "0..300", "--url", "\(origin.url)/{id}", "--queue",
                    "q\(number).db",
                ]
            ).wait().expectSuccess()
        }
        let runs = try (0..<4).map {
            try program.start("runner", ["run", "--output", "out", "--queue", "q\($0).db"])
        }
        var statuses: [Int32] = []
        for run in runs { statuses.append(await run.wait().status) }
        #expect(statuses.sorted() == [0, 3, 3, 3])
        #expect(try program.lines(of: "out/responses-00001.jsonl").count == 300)
    }

    /// Both would append where the copy was made, and cut what the other wrote.
    @Test func aCopyOfTheQueue_isRefused_onceTheQueueWentOn() async throws {
        let origin = try await TestOrigin()
        try await makeOutput(.jsonl, origin)
        try await program.finish()
        try await program.shell("cp runner.db copy.db", []).expectSuccess()
        try await program.enqueue(10, origin)
        try await program.finish()
        let before = try program.tree()
        let copy = ["--queue", "copy.db"]
        try await program.start(
            "runner", ["enqueue", "--range", "0..5", "--url", "\(origin.url)/{id}"] + copy
        ).wait().expectSuccess()
        let result = try await program.start("runner", ["run"] + copy).wait()
        result.expectStop(3, "later stage")
        #expect(try program.tree() == before)
        try await program.expectVerified()
    }

    /// Each run writes the folder's mark anew, so a copy of two runs ago is not known any more.
    @Test func aCopyOfTheOutput_isRefused_onceTheQueueWentOn_andTakenAsTheDocsSay() async throws {
        let origin = try await TestOrigin()
        try await makeOutput(.jsonl, origin)
        try await program.finish()
        try await program.shell("cp -a out copy", []).expectSuccess()
        for _ in 0..<2 { try await program.finish() }
        try await program.shell("rm -r out && mv copy out", []).expectSuccess()
        try await program.expectVerified()
        let result = try await program.runner("run")
        result.expectStop(3, "docs/OUTPUT.md")
        try await program.shell(
            "sqlite3 runner.db 'SELECT identity FROM sink' >out/.runner", []
        ).expectSuccess()
        try await program.finish()
        try await program.expectVerified()
    }

    @Test func whatAKillLeft_isCutOff_alsoWhenNothingIsLeftToDo() async throws {
        let origin = try await TestOrigin()
        try await makeOutput(.jsonl, origin)
        try await program.finish()
        let before = try program.tree()
        let file = try FileHandle(
            forWritingTo: URL(fileURLWithPath: path("out/responses-00001.jsonl")))
        try file.seekToEnd()
        try file.write(contentsOf: Data("{\"id\":1,\"ba".utf8))
        try file.close()
        try await program.finish()
        #expect(try program.tree() == before)
    }

    @Test func aFileInPlaceOfTheNextFile_isNotOverwritten() async throws {
        let origin = try await TestOrigin()
        try await program.enqueue(300, origin, "delay/20/{id}")
        // Its own name is made only once the first file is full.
        try makeFolder("out")
        let run = try program.start(
            "runner", arguments(.jsonl) + ["--rotate-size", "1k", "--workers", "2"])
        try await run.wait { try program.tree().values.contains { !$0.isEmpty } }
        for number in 2...200 {
            let next = path("out/" + OutputFormat.jsonl.fileName(number))
            if !FileManager.default.fileExists(atPath: next) {
                write(Array("precious\n".utf8), to: next)
            }
        }
        let result = await run.wait()
        result.expectStop(3, "responses-", "not of this queue")
        #expect(try program.tree().values.contains(Array("precious\n".utf8)))
    }

    // MARK: - Links

    @Test(arguments: OutputFormat.allCases)
    func aLinkInPlaceOfAFile_isNotFollowed(format: OutputFormat) async throws {
        let origin = try await TestOrigin()
        try await program.enqueue(20, origin)
        try makeFolder("out")
        try makeFolder("outside")
        write(Array("precious\n".utf8), to: path("outside/file"))
        // To a file that is there, and to one that would be made.
        for target in ["file", "new"] {
            try makeLink("out/\(format.fileName(1))", to: "../outside/\(target)")
            try await expectRefusal(origin, arguments(format), naming: format.fileName(1))
            try FileManager.default.removeItem(atPath: path("out/\(format.fileName(1))"))
        }
        #expect(try program.files(in: "outside") == ["file": Array("precious\n".utf8)])
    }

    /// Planted where the next file would be made, while nobody looks.
    @Test func aLinkInPlaceOfTheNextFile_isNotFollowed() async throws {
        let origin = try await TestOrigin()
        try await makeOutput(.jsonl, origin, "--rotate-size", "1k")
        try makeFolder("outside")
        write(Array("precious\n".utf8), to: path("outside/file"))
        for number in 1...100
        where !FileManager.default.fileExists(
            atPath: path("out/" + OutputFormat.jsonl.fileName(number)))
        {
            try makeLink("out/\(OutputFormat.jsonl.fileName(number))", to: "../outside/file")
        }
        let result = try await program.runner("run")
        #expect(result.status == 3, "\(result.err)")
        #expect(try program.files(in: "outside") == ["file": Array("precious\n".utf8)])
    }

    /// A file of ours that was replaced by a link to a copy of itself.
    @Test(arguments: [OutputFormat.jsonl, .files])
    func aLinkInPlaceOfAKnownFile_isNotFollowed(format: OutputFormat) async throws {
        let origin = try await TestOrigin()
        try await makeOutput(format, origin)
        let name = format.fileName(1)
        try makeFolder("outside")
        try move("out/\(name)", to: "outside/file")
        try makeLink("out/\(name)", to: "../outside/file")
        let before = contents(of: path("outside/file"))
        let result = try await program.runner("run")
        #expect(result.status == 3 && result.err.contains(name), "\(result.err)")
        #expect(contents(of: path("outside/file")) == before)
        #expect(try origin.hits().requests == 0)
    }

    @Test(arguments: ["bodies", "bodies/1", "bodies/1/0", "bodies/1/0/000"])
    func aLinkThatWasThereBefore_stopsTheRun(folder: String) async throws {
        let origin = try await TestOrigin()
        try await program.enqueue(20, origin)
        try makeFolder("outside")
        try makeFolder("out/" + folder.split(separator: "/").dropLast().joined(separator: "/"))
        try makeLink("out/\(folder)", to: path("outside"))
        try await expectRefusal(origin, arguments(.files), naming: "bodies")

        try FileManager.default.removeItem(atPath: path("out/bodies"))
        let result = try await program.run(.files)
        #expect(result.status == 0, "\(result.err)")
        try await program.expectPerfect(.files, jobs: 20)
    }

    /// Planted between two runs, where the second is to make folders.
    @Test(arguments: ["bodies/2", "bodies/2/0", "bodies/2/0/000"])
    func aLinkInPlaceOfAFolderOfBodies_isNotFollowed(folder: String) async throws {
        let origin = try await TestOrigin()
        try await makeOutput(.files, origin)
        try makeFolder("outside")
        try makeFolder("out/" + folder.split(separator: "/").dropLast().joined(separator: "/"))
        try makeLink("out/\(folder)", to: path("outside"))
        let result = try await program.runner("run")
        result.expectStop(3, "out")
        #expect(try program.tree("outside").isEmpty)
        #expect(try await program.jobs()["completed"] == 20)

        try FileManager.default.removeItem(atPath: path("out/\(folder)"))
        try await program.finish()
        try await program.expectPerfect(.files, jobs: 20, 10)
    }

    @Test func aLinkInPlaceOfAllBodies_isNotFollowed() async throws {
        let origin = try await TestOrigin()
        try await makeOutput(.files, origin)
        try move("out/bodies", to: "outside")
        try makeLink("out/bodies", to: path("outside"))
        let before = try program.tree("outside")
        let result = try await program.runner("run")
        result.expectStop(3, "out")
        #expect(try program.tree("outside") == before)
    }

    @Test func aLinkInPlaceOfABody_isNotFollowed() async throws {
        let origin = try await TestOrigin()
        try await makeOutput(.files, origin)
        try makeFolder("outside")
        try makeFolder("out/bodies/2/0/000")
        write(Array("precious\n".utf8), to: path("outside/file"))
        try makeLink("out/bodies/2/0/000/5", to: path("outside/file"))
        try makeLink("out/bodies/2/0/000/6", to: path("outside/new"))
        // They go, as what a kill left does.
        try await program.finish()
        #expect(try program.files(in: "outside") == ["file": Array("precious\n".utf8)])
        try await program.expectPerfect(.files, jobs: 20, 10)
    }

    // MARK: - What happened to ours

    @Test(arguments: [OutputFormat.jsonl, .files])
    func anotherFolder_isRefused_whenTheFilesAreNotThere(format: OutputFormat) async throws {
        let origin = try await TestOrigin()
        try await makeOutput(format, origin)
        try await expectRefusal(origin, arguments(format, folder: "other"), naming: "other")
        try makeFolder("other")
        try await expectRefusal(
            origin, arguments(format, folder: "other"), naming: path("out"), path("other"))
        try await program.finish()
        try await program.expectPerfect(format, jobs: 20, 10)
    }

    @Test(arguments: [OutputFormat.jsonl, .files])
    func aMovedFolder_isAccepted_whenItIsNamed(format: OutputFormat) async throws {
        let origin = try await TestOrigin()
        try await makeOutput(format, origin)
        try move("out", to: "moved")
        try await expectRefusal(origin, naming: path("out"))
        #expect(!FileManager.default.fileExists(atPath: path("out")))
        let result = try await program.runner("run", "--output", "moved")
        #expect(result.status == 0, "\(result.err)")
        #expect(result.err.contains("moved"), "\(result.err)")
        try await program.expectVerified()
        try await program.checkOutput(format, folder: "moved", jobs: 20, 10)
        #expect(!FileManager.default.fileExists(atPath: path("out")))
    }

    // MARK: - Moved together with the queue

    /// A queue in the folder `project` with an output of 20 jobs in it, and 10 more to do.
    private func makeProject(_ origin: TestOrigin, output: String = "project/data/out")
        async throws
    {
        try makeFolder("project")
        try await inProject("enqueue", "--range", "0..20", "--url", "\(origin.url)/mixed/{id}")
            .expectSuccess()
        #expect(try await inProject("run", "--output", output).status == 0)
        try await inProject("enqueue", "--range", "0..10", "--url", "\(origin.url)/mixed/{id}")
            .expectSuccess()
    }

    private func inProject(_ arguments: String..., at folder: String = "project")
        async throws -> Program.Result
    {
        try await program.start("runner", arguments + ["--queue", folder + "/runner.db"]).wait()
    }

    /// What a queue of an earlier version keeps: the path alone.
    private func forgetTheMark() async throws {
        try await program.sqlite(
            path("project/runner.db"), "UPDATE sink SET folder = replace(folder, '/./', '/')")
    }

    @Test(arguments: [false, true], ["project/data/out", "project"])
    func queueAndOutput_areMovedTogether(isOld: Bool, output: String) async throws {
        guard !isOld || output != "project" else { return }  // its name alone leads nowhere
        let origin = try await TestOrigin()
        try await makeProject(origin, output: output)
        if isOld { try await forgetTheMark() }
        try makeFolder("elsewhere")
        try move("project", to: "elsewhere/moved")
        let folder = "elsewhere/moved"
        try await inProject("verify", at: folder).expectSuccess()
        let result = try await inProject("run", at: folder)
        #expect(result.status == 0, "\(result.err)")
        let now = path(output.replacing("project", with: folder))
        #expect(
            result.err.contains("the output has moved from \(path(output)) to \(now)\n"),
            "\(result.err)")
        try await inProject("verify", at: folder).expectSuccess()
        try await program.checkOutput(.jsonl, folder: now, jobs: 20, 10)
        // Known from now on.
        let again = try await inProject("run", at: folder)
        #expect(again.status == 0 && !again.err.contains("has moved"), "\(again.err)")
        #expect(!FileManager.default.fileExists(atPath: path("project")))
    }

    /// Both have the same identity: each goes on with its own.
    @Test func aCopyOfQueueAndOutput_leavesTheirsAlone() async throws {
        let origin = try await TestOrigin()
        try await makeProject(origin)
        try await program.shell("cp -a project copy", []).expectSuccess()
        let before = try program.tree("project/data/out")
        #expect(try await inProject("run", at: "copy").status == 0)
        #expect(try program.tree("project/data/out") == before)
        #expect(try await inProject("run").status == 0)
        for folder in ["project", "copy"] {
            try await inProject("verify", at: folder).expectSuccess()
            try await program.checkOutput(.jsonl, folder: folder + "/data/out", jobs: 20, 10)
        }
    }

    @Test func theQueueAlone_isMoved() async throws {
        let origin = try await TestOrigin()
        try await makeProject(origin)
        try makeFolder("elsewhere/data/out")  // of somebody else
        try move("project/runner.db", to: "elsewhere/runner.db")
        #expect(try await inProject("run", at: "elsewhere").status == 0)
        try await inProject("verify", at: "elsewhere").expectSuccess()
        try await program.checkOutput(.jsonl, folder: "project/data/out", jobs: 20, 10)
        #expect(try program.tree("elsewhere/data/out").isEmpty)
    }

    /// In the place where it would be is another queue's, or nobody's that looks alike.
    @Test(arguments: [false, true], [nil, "", "0123456789abcdef0123456789abcdef"] as [String?])
    func anothersFolder_isNotTakenForTheMovedOutput(isOld: Bool, identity: String?) async throws {
        let origin = try await TestOrigin()
        try await makeProject(origin)
        if isOld { try await forgetTheMark() }
        try makeFolder("moved")
        try move("project/runner.db", to: "moved/runner.db")
        try move("project/data", to: "moved/data")
        try FileManager.default.removeItem(atPath: path("moved/data/out/.runner"))
        if let identity {
            write(Array(identity.utf8), to: path("moved/data/out/.runner"))
        }
        try FileManager.default.removeItem(atPath: path("project"))
        origin.reset()
        let before = try program.tree("moved/data/out")
        let result = try await inProject("run", at: "moved")
        result.expectStop(3, "data/out")
        #expect(try program.tree("moved/data/out") == before)
        #expect(try origin.hits().requests == 0)
        #expect(!FileManager.default.fileExists(atPath: path("project")))
    }

    @Test(arguments: [OutputFormat.jsonl, .files])
    func aMissingFile_stopsTheRun(format: OutputFormat) async throws {
        let origin = try await TestOrigin()
        try await makeOutput(format, origin)
        try move("out/\(format.fileName(1))", to: "away")
        try await expectRefusal(origin, naming: format.fileName(1))
        #expect(try await program.runner("verify").status != 0)
        try move("away", to: "out/\(format.fileName(1))")
        try await program.finish()
        try await program.expectPerfect(format, jobs: 20, 10)
    }

    @Test(arguments: [OutputFormat.jsonl, .files])
    func aShortenedFile_stopsTheRun(format: OutputFormat) async throws {
        let origin = try await TestOrigin()
        try await makeOutput(format, origin)
        let file = path("out/\(format.fileName(1))")
        truncate(file, off_t(contents(of: file).count - 1))
        try await expectRefusal(origin, naming: format.fileName(1))
        #expect(try await program.runner("verify").status != 0)
    }

    @Test(arguments: [OutputFormat.jsonl, .warc], [-1, 1])
    func aSealedFileOfAnotherLength_stopsTheRun(format: OutputFormat, change: Int) async throws {
        let origin = try await TestOrigin()
        try await makeOutput(format, origin, "--rotate-size", "1k")
        let file = path("out/\(format.fileName(1))")
        truncate(file, off_t(contents(of: file).count + change))
        try await expectRefusal(origin, naming: format.fileName(1))
    }

    @Test(arguments: OutputFormat.allCases)
    func aChangedByte_isFoundByVerify(format: OutputFormat) async throws {
        let origin = try await TestOrigin()
        try await makeOutput(format, origin, "--rotate-size", "20k")
        try await program.finish()
        try await program.expectVerified()
        // Not all bodies: they are alike.
        let files = try program.tree().filter { !$0.value.isEmpty }.sorted { $0.key > $1.key }
        for (name, bytes) in files.prefix(2) + files.suffix(2) {
            var changed = bytes
            changed[bytes.count / 2] ^= 1
            write(changed, to: path("out/\(name)"))
            let result = try await program.runner("verify")
            #expect(result.status == 3, "\(name): \(result.out)\(result.err)")
            #expect((result.out + result.err).contains(name), "\(result.out)\(result.err)")
            write(bytes, to: path("out/\(name)"))
        }
        try await program.expectVerified()
    }

    @Test(arguments: OutputFormat.allCases)
    func whatStandsBehindTheLastMark_isCutOff(format: OutputFormat) async throws {
        let origin = try await TestOrigin()
        try await makeOutput(format, origin)
        // Longer than what is there, and like a record.
        let whole = contents(of: path("out/\(format.fileName(1))"))
        try program.appendToLastFile(of: format, whole + whole)
        try await program.expectVerified()
        try await program.finish()
        try await program.expectPerfect(format, jobs: 20, 10)
    }

    @Test func aBodyWithoutALine_isReplaced() async throws {
        let origin = try await TestOrigin()
        try await makeOutput(.files, origin)
        try makeFolder("out/bodies/2/0/000")
        for id in 0..<10 {
            let left = Array(repeating: UInt8(ascii: "x"), count: 5000 * id)
            write(left, to: path("out/bodies/2/0/000/\(id)"))
        }
        try await program.finish()
        try await program.expectPerfect(.files, jobs: 20, 10)
    }

    // MARK: - Another format

    @Test func changingTheFormat_startsNewFiles_andSaysSo() async throws {
        let origin = try await TestOrigin()
        try await program.enqueue(20, origin)
        #expect(try await program.run(.jsonl).status == 0)
        var jobs = [20]
        // Back to the first at the end: its sealed file stays so.
        for format in [OutputFormat.files, .warc, .jsonlGzip, .jsonl] {
            let before = try program.tree()
            try await program.enqueue(10, origin)
            let result = try await program.run(format)
            #expect(result.status == 0, "\(result.err)")
            #expect(result.err.contains(format.rawValue), "nothing said so: \(result.err)")
            let after = try program.tree()
            for (name, bytes) in before { #expect(after[name] == bytes, "\(name)") }
            // From now on a plain run means the new one.
            try await program.enqueue(5, origin)
            try await program.finish()
            jobs += [10, 5]
            try await program.expectVerified("\(format)")
        }
        let all = jobs.flatMap { ["--jobs", "0..\($0)"] }
        try await program.checkOutput(.jsonl, .files, .warc, .jsonlGzip, more: all)
    }

    // MARK: - Names from a server

    static let names = [
        "..%2F..%2F..%2Fetc%2Fcron.d%2Fx", "%2Ftmp%2Frunner-test-escaped", "C%3A%5Cx",
        "..%2F", ".%2F", "responses-00001.jsonl", "index.jsonl", "a%2F..%2F..%2Fb", "%FF%FE",
        "x%22%3B filename*=UTF-8''..%252Fy".replacing(" ", with: "%20"),
        String(repeating: "n", count: 300), "-rf", "%24(touch%20x)", "nul%01%1B[2J",
    ]

    @Test(arguments: OutputFormat.allCases)
    func namesFromAServer_reachNoPath(format: OutputFormat) async throws {
        let origin = try await TestOrigin()
        let before = try outsideOfOutput()
        for name in Self.names {
            try await program.enqueue(1, origin, "attachment/\(name)/{id}")
        }
        let result = try await program.run(format)
        #expect(result.status == 0, "\(result.err)")
        var expected: Set = [format.fileName(1)]
        if format == .files {
            expected.formUnion((1...Self.names.count).map { "bodies/\($0)/0/000/0" })
        }
        #expect(Set(try program.tree().keys) == expected)
        let queue: Set = ["runner.db", "runner.db-lock", "out"]
        #expect(try outsideOfOutput().subtracting(before).subtracting(queue) == [])
        #expect(!FileManager.default.fileExists(atPath: "/tmp/runner-test-escaped"))
        try await program.expectVerified()
    }

    /// A NUL does not get past libcurl, whatever it stands in.
    @Test func aNameWithNUL_failsItsJob_andNothingElse() async throws {
        let origin = try await TestOrigin()
        try await program.enqueue(1, origin, "attachment/..%2Fa%00b/{id}")
        try await program.enqueue(5, origin)
        let result = try await program.run(.files, "--retries", "0")
        #expect(result.status == 1, "\(result.err)")
        #expect(
            Set(try program.tree().keys)
                == Set(["index.jsonl"] + (0..<5).map { "bodies/2/0/000/\($0)" }))
    }

    /// IDs are the only part of a path that is not ours, and they are numbers.
    @Test func bodies_liveByTheirIDs() async throws {
        let origin = try await TestOrigin()
        for range in ["0..1", "999..1001", "12345678..12345679", "4294967296..4294967298"] {
            try await program.runner("enqueue", "--range", range, "--url", "\(origin.url)/{id}")
                .expectSuccess()
        }
        #expect(try await program.run(.files).status == 0)
        let expected: Set = [
            "index.jsonl", "bodies/1/0/000/0", "bodies/2/0/000/999", "bodies/2/0/001/1000",
            "bodies/3/12/345/12345678", "bodies/4/4294/967/4294967296",
            "bodies/4/4294/967/4294967297",
        ]
        #expect(Set(try program.tree().keys) == expected)
        try await program.expectVerified()
    }

    /// The names beside the output's folder, but for the harness's.
    private func outsideOfOutput() throws -> Set<String> {
        Set(
            try FileManager.default.contentsOfDirectory(atPath: program.folder.path)
                .filter { !$0.hasPrefix(".output-") })
    }
}
