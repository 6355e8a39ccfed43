import Foundation
import TestSupport
import Testing

extension Program.Result {
    /// Checks that the program refused: `status`, nothing on stdout, and on stderr one line that
    /// holds all of `parts`: the thing that is wrong and what cures it.
    func expectRefusal(
        _ status: Int32, _ parts: String..., sourceLocation: SourceLocation = #_sourceLocation
    ) {
        expectRefusal(status, parts, sourceLocation: sourceLocation)
    }

    func expectRefusal(
        _ status: Int32, _ parts: [String], sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(signal == nil, "\(err.prefix(300))", sourceLocation: sourceLocation)
        guard signal == nil else { return }
        #expect(self.status == status, "\(out)\(err)", sourceLocation: sourceLocation)
        guard self.status == status else { return }
        #expect(out.isEmpty, sourceLocation: sourceLocation)
        #expect(err.hasPrefix("runner: "), sourceLocation: sourceLocation)
        let isOneLine = err.hasSuffix("\n") && err.filter(\.isNewline).count == 1
        #expect(isOneLine, "\(err)", sourceLocation: sourceLocation)
        let controls = err.dropLast().unicodeScalars.filter {
            $0.properties.generalCategory == .control
        }
        #expect(controls.isEmpty, sourceLocation: sourceLocation)
        for part in parts {
            #expect(err.contains(part), "\(part) in: \(err)", sourceLocation: sourceLocation)
        }
    }

    /// Checks that the program ended well and said nothing on stderr.
    func expectSuccess(sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(signal == nil, "\(err.prefix(300))", sourceLocation: sourceLocation)
        #expect(status == 0, "\(err)", sourceLocation: sourceLocation)
        #expect(err.isEmpty, sourceLocation: sourceLocation)
    }

    /// What was printed, read as one JSON object.
    var json: [String: Any] {
        get throws {
            try #require(
                try JSONSerialization.jsonObject(with: Data(out.utf8)) as? [String: Any])
        }
    }
}

extension Program {
    /// The command line under a limit of open files, soft and hard.
    func runner(openFiles: Int, _ arguments: String...) async throws -> Result {
        let script = "ulimit -n \(openFiles) && exec \"$0\" \"$@\""
        return try await shell(script, arguments)
    }

    /// Runs `script` in a shell with the program as `$0`.
    func shell(_ script: String, _ arguments: [String]) async throws -> Result {
        let runner = Self.products + "/runner"
        return try await start("/bin/sh", ["-c", script, runner] + arguments).wait()
    }

    /// The command line as a user whom permissions bind.
    func runnerUnprivileged(_ arguments: [String]) async throws -> Result {
        guard geteuid() == 0 else { return try await start("runner", arguments).wait() }
        // The folder of the build may be closed to others, this one is not.
        let copy = folder.file(".runner")
        if !FileManager.default.fileExists(atPath: copy) {
            // By another process: were the copy open for writing here, a program started meanwhile
            // would inherit it, and nothing that is open for writing can be run.
            let built = Self.products + "/runner"
            let install = ["-m", "755", built, copy]
            try await start("/usr/bin/install", install).wait().expectSuccess()
        }
        let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"]
        return try await start("/usr/bin/setpriv", nobody + [copy] + arguments).wait()
    }

    /// Changes a database behind the program's back.
    func sqlite(_ file: String, _ commands: String...) async throws {
        let result = try await start("/usr/bin/sqlite3", ["-bail", file] + commands).wait()
        try #require(result.status == 0, "\(result.err)")
    }

    /// The jobs object of `status --json`.
    func jobs(queue: String = "runner.db") async throws -> [String: Int] {
        let result = try await runner("status", "--json", "--queue", queue)
        result.expectSuccess()
        return try #require(try result.json["jobs"] as? [String: Int])
    }

    /// The files of the folder, or of one in it, but for hidden ones: those are the harness's.
    func files(in subfolder: String = "") throws -> [String: [UInt8]] {
        let path = folder.file(subfolder)
        var files: [String: [UInt8]] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: path)
        where !name.hasPrefix(".") {
            files[name] = contents(of: path + "/" + name)
        }
        return files
    }
}
