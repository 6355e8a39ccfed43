import Foundation
import TestSupport
import Testing

/// Queues that cannot be used: refused with exit status 3, and left as they are.
@Suite(.serialized) struct BadQueueTests {
    private let program = Program()

    static let readers = [["run"], ["status"], ["export"]]
    static let commands = readers + [["enqueue", "--range", "0..5"]]

    private func runner(_ command: [String], _ queue: String) async throws -> Program.Result {
        try await program.start("runner", command + ["--queue", queue]).wait()
    }

    private func makeQueue(_ name: String) async throws {
        try await runner(["enqueue", "--range", "0..1000"], name).expectSuccess()
    }

    /// Runs all commands on the file, expects each to be refused and the file to stay.
    private func expectRefusals(
        of name: String, _ parts: String..., sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let before = contents(of: program.folder.file(name))
        for command in Self.commands {
            let result = try await runner(command, name)
            result.expectRefusal(3, [name] + parts, sourceLocation: sourceLocation)
            #expect(
                contents(of: program.folder.file(name)) == before, "changed by \(command)",
                sourceLocation: sourceLocation)
        }
    }

    // MARK: - Nothing there

    @Test(arguments: readers)
    func command_isRefused_whenThereIsNoQueue(_ command: [String]) async throws {
        try await runner(command, "q.db").expectRefusal(3, "no queue at q.db", "runner enqueue")
        #expect(try program.files().isEmpty)
    }

    @Test(arguments: readers)
    func command_isRefused_whenTheFileIsEmpty(_ command: [String]) async throws {
        write([], to: program.folder.file("q.db"))
        try await runner(command, "q.db").expectRefusal(3, "no queue at q.db", "runner enqueue")
        #expect(try program.files() == ["q.db": []])
    }

    @Test(arguments: commands)
    func command_isRefused_whenTheFolderIsMissing(_ command: [String]) async throws {
        try await runner(command, "no/q.db").expectRefusal(3, "no/q.db")
        #expect(try program.files().isEmpty)
    }

    @Test(arguments: commands)
    func command_isRefused_whenTheFolderIsAFile(_ command: [String]) async throws {
        write([], to: program.folder.file("file"))
        try await runner(command, "file/q.db").expectRefusal(3, "file/q.db", "check the path")
        #expect(try program.files() == ["file": []])
    }

    // MARK: - Something else there

    @Test(arguments: commands)
    func command_isRefused_whenTheQueueIsAFolder(_ command: [String]) async throws {
        try FileManager.default.createDirectory(
            atPath: program.folder.file("q"), withIntermediateDirectories: false)
        try await runner(command, "q").expectRefusal(3, "q is a folder", "q/runner.db")
        #expect(try program.files(in: "q").isEmpty)
        #expect(try program.files().keys.sorted() == ["q"])
    }

    @Test(arguments: commands)
    func command_isRefused_whenTheQueueIsADevice(_ command: [String]) async throws {
        try await runner(command, "/dev/null").expectRefusal(3, "/dev/null", "--queue")
    }

    @Test func commands_areRefused_whenTheFileIsNotSQLite() async throws {
        write(Array("notes\n".utf8), to: program.folder.file("q.db"))
        try await expectRefusals(of: "q.db", "not a SQLite database", "--queue")
        #expect(try program.files().keys.sorted() == ["q.db"])
    }

    @Test func commands_areRefused_whenTheFileHasAHardLink() async throws {
        try await makeQueue("q.db")
        try FileManager.default.linkItem(
            atPath: program.folder.file("q.db"), toPath: program.folder.file("other.db"))
        try await expectRefusals(of: "q.db", "2 hard links", "remove")
    }

    @Test func commands_leaveSomeoneElsesDatabaseAlone() async throws {
        try await program.sqlite("q.db", "CREATE TABLE t (x); INSERT INTO t VALUES (1)")
        try await expectRefusals(of: "q.db", "not a queue of runner", "--queue")
        // No lock file of ours either.
        #expect(try program.files().keys.sorted() == ["q.db"])
    }

    /// A program that was killed left its log: to write the log back would be to write the file.
    @Test func commands_leaveTheLogOfSomeoneElsesDatabaseAlone() async throws {
        try await program.sqlite(
            "live.db",
            """
            PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;
            CREATE TABLE t (x); INSERT INTO t VALUES (1)
            """, ".shell cp live.db q.db; cp live.db-wal q.db-wal")
        let before = contents(of: program.folder.file("q.db-wal"))
        #expect(!before.isEmpty)
        try await expectRefusals(of: "q.db", "not a queue of runner", "--queue")
        #expect(contents(of: program.folder.file("q.db-wal")) == before)
    }

    @Test func commands_areRefused_whenANewerVersionWroteTheQueue() async throws {
        try await makeQueue("q.db")
        try await program.sqlite("q.db", "PRAGMA user_version = 999")
        try await expectRefusals(of: "q.db", "newer", "999", "upgrade runner")
    }

    // MARK: - Damage

    /// What is done to a queue's bytes.
    enum Damage: String, CaseIterable {
        case garbageAfterTheFirstPage, garbageAfterTheHeader, garbageInTheMiddle
        case half, firstPage, tornPage

        func done(to bytes: [UInt8]) -> [UInt8] {
            let pageBytes = 4096
            switch self {
            case .garbageAfterTheFirstPage: return garbage(pageBytes..<bytes.count)
            case .garbageAfterTheHeader: return garbage(100..<bytes.count)
            case .garbageInTheMiddle: return garbage(pageBytes..<(bytes.count / 2))
            case .half: return Array(bytes[..<(bytes.count / 2)])
            case .firstPage: return Array(bytes[..<pageBytes])
            case .tornPage: return Array(bytes[..<(pageBytes + 1000)])
            }

            func garbage(_ range: Range<Int>) -> [UInt8] {
                bytes[..<range.lowerBound] + range.map { UInt8(truncatingIfNeeded: $0 &* 167 + 13) }
                    + bytes[range.upperBound...]
            }
        }
    }

    @Test(arguments: Damage.allCases)
    func commands_sayHowToSaveWhatCanBeRead_whenTheQueueIsDamaged(by damage: Damage) async throws {
        try await makeQueue("q.db")
        let path = program.folder.file("q.db")
        write(damage.done(to: contents(of: path)), to: path)
        try await expectRefusals(of: "q.db", "damaged", "restore a copy", "sqlite3 q.db .recover")
    }

    @Test(arguments: [8, 16, 40, 99])
    func commands_areRefused_whenOnlyTheStartOfTheHeaderIsLeft(bytes: Int) async throws {
        try await makeQueue("q.db")
        let path = program.folder.file("q.db")
        write(Array(contents(of: path)[..<bytes]), to: path)
        try await expectRefusals(of: "q.db")
    }

    // MARK: - Permissions

    @Test(arguments: commands)
    func command_isRefused_whenTheFileMayNotBeRead(_ command: [String]) async throws {
        try await makeQueue("q.db")
        try setMode(0o000, of: "q.db")
        let before = try program.files()
        try await program.runnerUnprivileged(command + ["--queue", "q.db"])
            .expectRefusal(3, "q.db", "Permission denied", "permissions")
        #expect(try program.files() == before)
    }

    @Test(arguments: commands)
    func command_isRefused_whenTheFolderIsClosed(_ command: [String]) async throws {
        try makeFolder("closed")
        try await makeQueue("closed/q.db")
        let before = try program.files(in: "closed")
        try setMode(0o000, of: "closed")
        let result = try await program.runnerUnprivileged(command + ["--queue", "closed/q.db"])
        try setMode(0o755, of: "closed")
        result.expectRefusal(3, "closed/q.db", "Permission denied", "permissions")
        #expect(try program.files(in: "closed") == before)
    }

    /// `status` and `export` only look: `MeddlingTests` has them succeed.
    @Test(arguments: commands.filter { $0 != ["status"] && $0 != ["export"] })
    func command_isRefused_whenFileAndFolderAreReadOnly(_ command: [String]) async throws {
        try makeFolder("ro")
        try await makeQueue("ro/q.db")
        for name in ["ro/q.db", "ro/q.db-lock"] { try setMode(0o444, of: name) }
        try setMode(0o555, of: "ro")
        let before = try program.files(in: "ro")
        let result = try await program.runnerUnprivileged(command + ["--queue", "ro/q.db"])
        try setMode(0o755, of: "ro")
        result.expectRefusal(3, "ro/q.db", "check", "permissions")
        #expect(try program.files(in: "ro") == before)
    }

    /// A look at a queue that was read-only has left it.
    @Test func retry_namesTheFileBesideTheQueue_thatIsReadOnly() async throws {
        try makeFolder("open")
        try await makeQueue("open/q.db")
        write([], to: program.folder.file("open/q.db-shm"))
        for (name, mode) in [("", 0o777), ("q.db", 0o666), ("q.db-lock", 0o666)] {
            try setMode(mode, of: "open/\(name)")
        }
        try setMode(0o444, of: "open/q.db-shm")
        try await program.runnerUnprivileged(["retry", "--all", "--queue", "open/q.db"])
            .expectRefusal(3, "open/q.db cannot be written", "permissions", "open/q.db-shm")
    }

    @Test func enqueue_isRefused_whenTheFolderOfANewQueueIsReadOnly() async throws {
        try makeFolder("ro")
        try setMode(0o555, of: "ro")
        let result = try await program.runnerUnprivileged(
            ["enqueue", "--range", "0..5", "--queue", "ro/q.db"])
        try setMode(0o755, of: "ro")
        result.expectRefusal(3, "ro/q.db", "check the folder and its permissions")
        #expect(try program.files(in: "ro").isEmpty)
    }

    private func makeFolder(_ name: String) throws {
        try FileManager.default.createDirectory(
            atPath: program.folder.file(name), withIntermediateDirectories: false)
    }

    private func setMode(_ mode: Int, of name: String) throws {
        try FileManager.default.setAttributes(
            [.posixPermissions: mode], ofItemAtPath: program.folder.file(name))
    }
}
