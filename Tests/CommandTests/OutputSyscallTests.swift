import Foundation
import TestSupport
import Testing

/// Each system call on the output in turn is killed at, or fails as on a full or broken disk:
/// however far a record got, the next run makes it exactly one.
///
/// strace counts the calls of each thread that touch the output, so a point is the n-th of its
/// thread.
@Suite(.serialized) struct OutputSyscallTests {
    /// A format and a kind of call it makes.
    struct Point: Sendable, CustomStringConvertible {
        let format: OutputFormat
        let call: String

        var description: String { "\(format.rawValue) \(call)" }
    }

    /// A kind of call that is made no more fails the test: it would show nothing.
    static let points: [Point] = OutputFormat.allCases.flatMap { format in
        let all = ["openat", "pwrite64", "fdatasync", "ftruncate", "fsync"]
        let ofBodies = ["mkdirat", "unlinkat", "syncfs"]
        let calls =
            switch format {
            case .jsonl: all
            case .files: all + ofBodies
            // Their files are written as those of jsonl.
            case .jsonlGzip, .warc: SyscallStrike.step > 0 ? all : ["pwrite64"]
            }
        return calls.map { Point(format: format, call: $0) }
    }

    private static let workers = 4
    /// Of small bodies, so that their file is not full.
    private static let before = 907..<913
    /// Of two folders of bodies.
    private static let ids = 980..<1020

    @Test(.timeLimit(.minutes(60)), arguments: points)
    func eachJobHasOneRecord_whereverTheOutputIsStruck(point: Point) async throws {
        let origin = try await TestOrigin()
        try await SyscallStrike.forEachPoint(point, of: "whereverTheOutputIsStruck", firstMax: 3) {
            try await isStruck(point, $0, $1, origin)
        }
    }

    /// - Returns: Whether the run made so many calls.
    private func isStruck(
        _ point: Point, _ strike: SyscallStrike, _ number: Int, _ origin: TestOrigin
    ) async throws -> Bool {
        let comment = "\(point), \(strike) at \(number)"
        let program = Program()
        try await begin(program, point.format, origin)
        let run = try program.start(
            struckAt: point.call, strike, number, paths: paths(of: program, point.format),
            ["run", "--workers", "\(Self.workers)"])
        let result = await run.wait(seconds: 60)
        if result.signal == nil && result.status == 0 {
            try await program.expectPerfect(
                point.format, batches: [Self.before, Self.ids], comment: comment)
            return false
        }
        switch strike {
        case .kill: #expect(result.signal == SIGKILL, "\(comment): \(result.err)")
        case .noSpace: #expect(result.status == 12, "\(comment): \(result.err)")
        case .broken: #expect(result.status == 3, "\(comment): \(result.err)")
        }
        try await program.expectVerified(comment)
        try await program.finish(comment)
        try await program.expectPerfect(
            point.format, batches: [Self.before, Self.ids], comment: comment)
        return true
    }

    /// A queue with some output, what a kill left of more (a tail, a body), and more to do.
    private func begin(_ program: Program, _ format: OutputFormat, _ origin: TestOrigin)
        async throws
    {
        for (ids, path) in [(Self.before, "mixed"), (Self.ids, "mixed/25")] {
            let range = "\(ids.lowerBound)..\(ids.upperBound)"
            let url = "\(origin.url)/\(path)/{id}"
            try await program.runner("enqueue", "--range", range, "--url", url).expectSuccess()
            guard ids == Self.before else { continue }
            let first = try await program.run(
                format, "--rotate-size", format == .files ? "6k" : "15k", "--quiet")
            #expect(first.status == 0, "\(first.err)")
        }
        try program.appendToLastFile(of: format, Array("{\"id\":1,\"batch\":1,\"sta".utf8))
        guard format == .files else { return }
        let folder = program.folder.file("out/bodies/2/0/000")
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        for id in stride(from: Self.ids.lowerBound, to: 1000, by: 3) {
            write(Array("left by a kill".utf8), to: "\(folder)/\(id)")
        }
    }

    private func paths(of program: Program, _ format: OutputFormat) -> [String] {
        let out = program.folder.file("out")
        var paths = [out] + (1...40).map { "\(out)/\(format.fileName($0))" }
        if format == .files {
            let folders = ["bodies", "bodies/2", "bodies/2/0", "bodies/2/0/000", "bodies/2/0/001"]
            paths += folders.map { "\(out)/\($0)" }
            paths += Self.ids.map { "\(out)/bodies/2/0/00\($0 / 1000)/\($0)" }
        }
        return paths
    }
}

extension Program {
    /// The last of the format's files in the folder `out`, by its number.
    func lastFile(of format: OutputFormat) throws -> String {
        let numbers = (1...9999).filter {
            FileManager.default.fileExists(atPath: folder.file("out/\(format.fileName($0))"))
        }
        return "out/" + format.fileName(try #require(numbers.last))
    }

    /// Writes behind what counts, as a kill between writing and marking leaves it.
    func appendToLastFile(of format: OutputFormat, _ bytes: [UInt8]) throws {
        let file = try lastFile(of: format)
        let path = folder.file(file)
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(bytes))
        try handle.close()
    }
}
