import JobStore
import TestSupport

@testable import Runner

/// What a sink's parts need in tests: a folder, and captures that come from no server.
struct SinkBench {
    let folder = Folder()
    let budget: MemoryBudget
    let storage: CaptureStorage

    init(budget bytes: Int = 1 << 20) throws {
        budget = MemoryBudget(bytesMax: bytes)
        let output = try OutputFolder(path: folder.path, makes: false)
        storage = CaptureStorage(
            budget: budget, spool: Spool { output.descriptor }, folder: folder.path)
    }

    func capture(
        head: String = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n", body: [UInt8] = [],
        finalURL: String = "", inPiecesOf size: Int = 1000
    ) throws -> Capture {
        let capture = Capture(storage)
        if !finalURL.isEmpty {
            capture.follow(
                from: Array("http://first/".utf8), status: 302, isArchived: false, atMicros: 0)
        }
        var line: [UInt8] = []
        for byte in head.utf8 {
            line.append(byte)
            if byte == UInt8(ascii: "\n") {
                if line != [13, 10] {
                    try line.withUnsafeBytes { try capture.append(head: $0) }
                }
                line = []
            }
        }
        for start in stride(from: 0, to: body.count, by: size) {
            try body[start..<min(body.count, start + size)].withUnsafeBytes {
                try capture.append(body: $0)
            }
        }
        capture.setFinalURL(Array(finalURL.utf8))
        capture.startedMicros = 1_763_716_177_123_456
        capture.durationMicros = 12_345
        capture.remoteIP = Array("127.0.0.1".utf8)
        capture.httpVersion = .http11
        return capture
    }

    func record(
        _ job: Job = .sample(17), _ outcome: Outcome = .ok, _ capture: Capture
    ) -> Record {
        Record(
            job: job, outcome: outcome, status: Int(outcome.status),
            bodyBytes: capture.body.count, capture: capture)
    }
}

extension RecordRenderer {
    /// A record as it would stand in a file.
    func bytes(of record: Record) throws -> [UInt8] {
        var (all, bytes): ([UInt8], [UInt8]) = ([], [])
        try render(record, into: &bytes) { part in
            all += part
            part.removeAll()
        }
        return all + bytes
    }

    func text(of record: Record) throws -> String {
        String(decoding: try bytes(of: record), as: UTF8.self)
    }
}
