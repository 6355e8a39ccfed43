import Foundation
import TestSupport
import Testing

@testable import runner_cli

/// Passwords of lines that cannot be queued: hidden in what is shown, kept in what mends the list.
@Suite struct RedactionTests {
    @Test(arguments: [
        ("https://user:secret@host/", "https://***@host/"),
        ("https://user:sec/ret#?@host/", "https://***@host/"),
        ("user:secret@host/x", "***@host/x"), ("http://h/a b", "http://h/a b"),
        ("http://u:secret@h/?to=a@b", "http://***@b"),
        ("u:secret@h,https://h/@x", "***@x"), ("", ""),
        ("1,https://user:sec ret@host/,x", "1,https://***@host/,x"),
    ])
    func line_isShownWithoutCredentials(line: String, shown: String) {
        let redacted = Redaction.line(Array(line.utf8))
        #expect(redacted.text == shown && redacted.isRedacted == (line != shown))
    }

    @Test func line_isShownWithoutCredentials_alsoWhereItWasCut() {
        let long = "https://user:" + String(repeating: "secret", count: 100)
        #expect(Redaction.line(Array(long.utf8.prefix(200))).text == "https://***")
        let path = "https://host/" + String(repeating: "path", count: 100)
        #expect(!Redaction.line(Array(path.utf8.prefix(200))).isRedacted)
    }

    @Test func messages_haveNoPasswords_andTheFileOfRejectsHasTheLines() async throws {
        let program = Program()
        let lines = [
            "https://user:secret#x@host/", "user:secret@host/", "https://user:sec ret@host/",
            "ftp://user:secret@host/", "https://user:secret@host:99999/",
        ]
        write(
            Array((["http://h/"] + lines).joined(separator: "\n").utf8),
            to: program.folder.file("l"))
        for arguments in [["l", "--rejects", "bad"], ["l", "--again", "--streaming"]] {
            let result = try await program.start("runner", ["enqueue"] + arguments).wait()
            #expect(result.status == 0 && result.err.split(separator: "\n").count == 5)
            #expect(!result.err.contains("sec") && !result.err.contains("ret"), "\(result.err)")
            #expect(result.err.contains("l:3: ") && result.err.contains("***@host/"))
        }
        let strict = try await program.runner("enqueue", "l", "--again", "--strict")
        strict.expectRefusal(2, "l:2: ", "nothing was queued", "***@host/")
        #expect(!strict.err.contains("secret"))
        let bad = String(decoding: contents(of: program.folder.file("bad")), as: UTF8.self)
        for line in lines { #expect(bad.contains("\t\(line)\n"), "\(bad)") }
    }

    /// Both looked for a batch of the name when there was none.
    @Test func twoImportsWithOneKey_areOneBatch_andTheSecondSaysSo() async throws {
        for more in [[], ["--streaming"]] {
            let program = Program()
            let pipes = ["a", "b"].map { Pipe($0, in: program) }
            var imports: [Program.Running] = []
            for pipe in pipes {
                imports.append(
                    try program.start(
                        "runner", ["enqueue", "--if-absent", "n", "--json", pipe.name] + more))
            }
            // The streamed ones wait for each other before they have a line to take.
            for pipe in pipes { pipe.write(more.isEmpty ? "http://h/\n" : "# none\n") }
            try await imports[1].wait {
                let rows = try await program.start(
                    "/usr/bin/sqlite3",
                    ["-readonly", "runner.db", "SELECT count(*) FROM import"]
                ).wait()
                return rows.out == "2\n"
            }
            if !more.isEmpty { for pipe in pipes { pipe.write("http://h/\n") } }
            for pipe in pipes { pipe.close() }
            var new: [Bool] = []
            for adding in imports {
                let result = await adding.wait()
                #expect(result.status == 0, "\(result.err)")
                let json = try result.json
                #expect(json["batch"] as? Int == 1 || json["batch"] as? Int == 2)
                new.append(json["new"] as? Bool ?? true)
            }
            #expect(new.sorted { !$0 && $1 } == [false, true], "\(more)")
            #expect(try await program.total == 1)
            try await program.expectVerified()
        }
    }
}
