import Foundation
import JobStore
import Stores
import TestSupport
import Testing

/// What `--format` takes.
enum OutputFormat: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case jsonl
    case jsonlGzip = "jsonl.gz"
    case warc
    case files

    var testDescription: String { rawValue }

    /// The name of a format's file within its folder.
    func fileName(_ number: Int) -> String {
        let digits = String(number)
        let padded = String(repeating: "0", count: max(0, 5 - digits.count)) + digits
        return switch self {
        case .jsonl, .jsonlGzip: "responses-\(padded).\(rawValue)"
        case .warc: "responses-\(padded).warc.gz"
        case .files: number == 1 ? "index.jsonl" : "index-\(padded).jsonl"
        }
    }
}

/// The Python that reads output without any code of the project; `Tests/Tools/prepare` makes it.
enum Tools {
    static let repository = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

    static let python = repository + "/.build/test-tools/venv/bin/python"

    static func script(_ name: String) throws -> String {
        try #require(
            FileManager.default.isExecutableFile(atPath: python),
            "there is no \(python): run Tests/Tools/prepare, as scripts/test does")
        return "\(repository)/Tests/Tools/\(name)"
    }
}

/// What `check_output.py` counted.
struct OutputSummary: Decodable {
    let files: Int
    let completed: Int
    let failed: Int
    let missing: Int
    let bodies: Int
    let bodyBytes: Int
    let base64: Int
    let truncated: Int
    let faults: [String]
}

extension Program {
    /// Makes a queue of the origin's mixed bodies, or of another path of it.
    func enqueue(_ jobs: Int, _ origin: TestOrigin, _ path: String = "mixed/{id}") async throws {
        try await runner("enqueue", "--range", "0..\(jobs)", "--url", "\(origin.url)/\(path)")
            .expectSuccess()
    }

    /// Runs with the output in the folder `out`.
    func run(_ format: OutputFormat, _ more: String...) async throws -> Result {
        let arguments = ["run", "--output", "out", "--format", format.rawValue] + more
        return try await start("runner", arguments).wait()
    }

    /// Runs to the end as somebody does who knows nothing of the output.
    func finish(_ comment: String = "", sourceLocation: SourceLocation = #_sourceLocation)
        async throws
    {
        let last = try await start("runner", ["run", "--workers", "50"]).wait(seconds: 600)
        #expect(last.status == 0, "\(comment) \(last.err)", sourceLocation: sourceLocation)
    }

    /// Reads the folder by `check_output.py`, which finds each of `jobs` once and by itself.
    @discardableResult
    func checkOutput(
        _ formats: OutputFormat..., folder: String = "out", jobs: Int..., more: [String] = [],
        comment: String = "", sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> OutputSummary {
        let script = try Tools.script("check_output.py")
        let arguments =
            [script, folder] + formats.flatMap { ["--format", $0.rawValue] }
            + jobs.flatMap { ["--jobs", "0..\($0)"] } + more
        // No bytecode beside the sources.
        let result = try await start(Tools.python, ["-B"] + arguments).wait(seconds: 600)
        try #require(
            result.status <= 1 && result.signal == nil && !result.out.isEmpty,
            "\(comment) \(result.err)", sourceLocation: sourceLocation)
        let summary = try StatusJSON.decoder.decode(
            OutputSummary.self, from: Data(result.out.utf8))
        #expect(summary.faults == [], "\(comment)", sourceLocation: sourceLocation)
        #expect(result.status == 0, "\(comment)", sourceLocation: sourceLocation)
        return summary
    }

    /// Has the files of some folders of JSON Lines in one, as `cat` would put them together.
    func gather(_ folders: [String], into all: String = "gathered") throws {
        let files = FileManager.default
        try files.createDirectory(
            atPath: folder.file(all), withIntermediateDirectories: true)
        var number = 0
        for path in folders.map(folder.file) where files.fileExists(atPath: path) {
            for name in try files.contentsOfDirectory(atPath: path).sorted()
            where name.hasPrefix("responses-") {
                number += 1
                try files.linkItem(
                    atPath: "\(path)/\(name)",
                    toPath: folder.file("\(all)/\(OutputFormat.jsonl.fileName(number))"))
            }
        }
    }

    /// The queue's own invariant.
    func expectSoundQueue(
        _ comment: String = "", sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let queue = try openLedger(at: folder.file("runner.db"))
        let faults = try await queue.verify()
        await queue.close()
        #expect(faults == [], "\(comment)", sourceLocation: sourceLocation)
    }

    /// The queue, the output and that they agree, as the program sees it.
    func expectVerified(
        _ comment: String = "", sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await expectSoundQueue(comment, sourceLocation: sourceLocation)
        let result = try await runner("verify")
        #expect(
            result.status == 0, "\(comment) \(result.out)\(result.err)",
            sourceLocation: sourceLocation)
    }

    /// All is done, and the output is as `docs/OUTPUT.md` says: by `verify` and without it.
    func expectPerfect(
        _ format: OutputFormat, jobs: Int..., more: [String] = [], comment: String = "",
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await expectPerfect(
            format, batches: jobs.map { 0..<$0 }, more: more, comment: comment,
            sourceLocation: sourceLocation)
    }

    func expectPerfect(
        _ format: OutputFormat, batches: [Range<Int>], more: [String] = [], comment: String = "",
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await expectVerified(comment, sourceLocation: sourceLocation)
        let counts = try await status().jobs
        #expect(
            counts.completed == batches.reduce(0) { $0 + $1.count }
                && counts.completed == counts.total, "\(comment)", sourceLocation: sourceLocation)
        let arguments = batches.flatMap { ["--jobs", "\($0.lowerBound)..\($0.upperBound)"] }
        try await checkOutput(
            format, more: arguments + more, comment: comment, sourceLocation: sourceLocation)
    }

    /// The lines of an output file, each a JSON object.
    func lines(of file: String) throws -> [[String: Any]] {
        try contents(of: folder.file(file)).split(separator: 0x0A).map {
            try #require(try JSONSerialization.jsonObject(with: Data($0)) as? [String: Any])
        }
    }

    /// Everything in a folder and below it: paths of files and links within it, and what they hold;
    /// but for the file that says whose folder it is.
    func tree(_ subfolder: String = "out") throws -> [String: [UInt8]] {
        let root = folder.file(subfolder)
        var files: [String: [UInt8]] = [:]
        for path in try FileManager.default.subpathsOfDirectory(atPath: root)
        where !path.hasPrefix(".runner") {
            let type = try FileManager.default.attributesOfItem(atPath: root + "/" + path)[.type]
            guard type as? FileAttributeType != .typeDirectory else { continue }
            files[path] = contents(of: root + "/" + path)
        }
        return files
    }
}

extension Program.Result {
    /// Checks that a run stopped: `status`, and as its last word a line that holds all of `parts`.
    func expectStop(
        _ status: Int32, _ parts: String..., sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(signal == nil && self.status == status, "\(err)", sourceLocation: sourceLocation)
        let last = err.split(separator: "\n").last ?? ""
        #expect(last.hasPrefix("runner: "), "\(err)", sourceLocation: sourceLocation)
        for part in parts {
            #expect(last.contains(part), "\(part) in: \(err)", sourceLocation: sourceLocation)
        }
    }
}
