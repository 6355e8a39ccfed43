import Glibc
import JobStore
import StoreConformance
import TestSupport

@testable import Runner

/// A queue with an output, made by hand.
final class AuditSample: Sendable {
    let folder = Folder()
    let queue: StoreClient
    let format: String

    var output: String { folder.file("out") }
    var queuePath: String { folder.file("runner.db") }

    init(jobs: Int, first: Int = 0, format: String = "jsonl") async throws {
        self.format = format
        queue = StoreClient(
            to: try SQLiteQueue(path: folder.file("runner.db"), access: .create))
        precondition(mkdir(folder.file("out"), 0o700) == 0)
        try await enqueue(jobs, first: first)
        _ = try await queue.attach(RunnerDescription(pid: 1, workers: 1))
    }

    func enqueue(_ jobs: Int, first: Int = 0) async throws {
        let request = try RequestTemplate(parsing: "http://127.0.0.1/{id}")
        _ = try await queue.enqueue(JobRange(first: first, count: jobs), request: request)
    }

    func path(_ name: String) -> String { output + "/" + name }

    /// Writes a file, and says how it is recorded when all of it counts.
    func file(
        _ bytes: [UInt8], id: Int = 1, name: String? = nil, records: Int, isSealed: Bool = false
    ) -> OutputFile {
        let ending = ["jsonl": "jsonl", "jsonl.gz": "jsonl.gz", "warc": "warc.gz"][format]
        let usual = ending.map { "responses-0000\(id).\($0)" } ?? "index.jsonl"
        write(bytes, to: path(name ?? usual))
        return OutputFile(
            id: id, name: name ?? usual, format: format, bytes: bytes.count,
            crc32: crc32(of: bytes), records: records, isSealed: isSealed)
    }

    func keep(_ files: [OutputFile]) async throws {
        try await queue.keepOutput(
            OutputSettings(
                folder: output, identity: "c0ffee", format: format, rotateBytes: 1 << 30,
                keepsBodies: true,
                keepsFailures: true), files)
    }

    /// Records the files, and jobs as completed or failed, which must be all of some segments.
    func commit(
        _ ids: some Sequence<Int>, failed: some Sequence<Int> = EmptyCollection<Int>(),
        _ files: [OutputFile]
    ) async throws {
        let (completed, failed) = (Set(ids), Set(failed))
        while let segment = try await queue.claim(jobs: 1).first {
            try await commit(segment, completed, failed, [])
        }
        try await queue.commit([], files, heartbeat: Heartbeat(requestsPerSecond: 1))
    }

    func commit(
        _ segment: Segment, _ completed: Set<Int>, _ failed: Set<Int>, _ files: [OutputFile]
    ) async throws {
        let marks = segment.todo.flatMap { $0 }.compactMap { position -> Mark? in
            let id = segment.batch.id(at: position)
            let outcome =
                completed.contains(id)
                ? Outcome.ok : failed.contains(id) ? Outcome(.failed, status: 404) : nil
            return outcome.map {
                Mark(batchID: segment.batch.id, position: position, attempt: 1, outcome: $0)
            }
        }
        try await queue.commit(marks, files, heartbeat: Heartbeat(requestsPerSecond: 1))
    }

    /// Ends the run, and checks.
    func audit(folder: String? = nil) async throws -> AuditReport {
        try await queue.detach()
        return try await OutputAudit(
            ledger: queue.queue, folders: folder.map { [.only: $0] } ?? [:]
        ).run()
    }
}

// MARK: - Records

extension AuditSample {
    static func line(_ id: Int, batch: Int = 1, state: String = "completed", _ rest: String = "")
        -> [UInt8]
    {
        let start = #"{"id":\#(id),"batch":\#(batch),"state":"\#(state)","#
        return Array((start + #""url":"http://127.0.0.1/\#(id)","body":"\#(rest)"}"# + "\n").utf8)
    }

    static func lines(_ ids: some Sequence<Int>) -> [UInt8] { ids.flatMap { line($0) } }

    /// A line of the index of `files`; the body is written, too.
    func indexLine(_ id: Int, body: String, file: String? = nil) -> [UInt8] {
        let digits = String(id / 1000 % 1000)
        let thousand = String(repeating: "0", count: 3 - digits.count) + digits
        var path = output
        for name in ["bodies", "1", String(id / 1_000_000), thousand] {
            path += "/" + name
            mkdir(path, 0o700)
        }
        write(Array(body.utf8), to: path + "/\(id)")
        let digest = Digest(.sha256)
        Array(body.utf8).withUnsafeBytes { digest.update($0) }
        let hex = digest.finish().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        let named = file ?? "bodies/1/\(id / 1_000_000)/\(thousand)/\(id)"
        return Array(
            (#"{"id":\#(id),"batch":1,"state":"completed","url":"u","headers":[["a","\",\"body_bytes\":3"]],"#
                + #""body_bytes":\#(body.utf8.count),"file":"\#(named)","sha256":"\#(hex)"}"# + "\n")
                .utf8)
    }
}

/// A WARC record, to be changed before it is written.
struct WARCSample {
    var type: String
    var fields: [(String, String)]
    var block: [UInt8]
    /// What is written as the length of the block, where it is not its length.
    var length: Int?

    /// The records of a file's beginning.
    static let info: [UInt8] = WARCSample(
        type: "warcinfo",
        fields: [("Content-Type", "application/warc-fields")], block: Array("software: x\r\n".utf8)
    ).member(id: "info")

    static func response(_ id: Int, body: String = "hello") -> WARCSample {
        let head = Array("HTTP/1.1 200 OK\r\nA: b\r\n\r\n".utf8)
        let payload = Array(body.utf8)
        return WARCSample(
            type: "response",
            fields: [
                ("Content-Type", "application/http; msgtype=response"), ("Runner-Batch", "1"),
                ("Runner-ID", String(id)), ("WARC-Block-Digest", digest(head + payload)),
                ("WARC-Payload-Digest", digest(payload)),
            ], block: head + payload)
    }

    static func request(_ id: Int) -> WARCSample {
        WARCSample(
            type: "request",
            fields: [
                ("Content-Type", "application/http; msgtype=request"),
                ("WARC-Concurrent-To", "<urn:uuid:response-\(id)>"),
            ], block: Array("GET /\(id) HTTP/1.1\r\n\r\n".utf8))
    }

    static func failure(_ id: Int) -> WARCSample {
        WARCSample(
            type: "metadata",
            fields: [
                ("Content-Type", "application/warc-fields"), ("Runner-Batch", "1"),
                ("Runner-ID", String(id)),
            ], block: Array("outcome: 404\r\n".utf8))
    }

    /// A response and its request.
    static func job(
        _ id: Int, body: String = "hello", change: (inout WARCSample) -> Void = { _ in }
    ) -> [UInt8] {
        var response = response(id, body: body)
        change(&response)
        return response.member(id: "response-\(id)") + request(id).member(id: "request-\(id)")
    }

    static func digest(_ bytes: [UInt8]) -> String {
        let digest = Digest(.sha1)
        bytes.withUnsafeBytes { digest.update($0) }
        return "sha1:" + Base32.text(digest.finish())
    }

    func member(id: String) -> [UInt8] {
        var head = "WARC/1.1\r\nWARC-Type: \(type)\r\nWARC-Record-ID: <urn:uuid:\(id)>\r\n"
        head += "WARC-Date: 2026-11-21T09:10:37.123Z\r\n"
        for (name, value) in fields { head += "\(name): \(value)\r\n" }
        head += "Content-Length: \(length ?? block.count)\r\n\r\n"
        return gzipMember(Array(head.utf8) + block + Array("\r\n\r\n".utf8))
    }
}

/// A queue that something happens to at some of the questions about it.
actor MovingLedger: JobLedger {
    private let queue: any JobQueue
    private var atOutput: [Int: @Sendable () async throws -> Void]
    private let atCounts: @Sendable () async throws -> Void
    private let pageError: QueueError?
    private var outputs = 0

    /// - Parameters:
    ///   - atOutput: What happens after the answer to which question for the output, from 1.
    ///   - atCounts: What happens before the answer to each question for the counts.
    ///   - pageError: The answer to each question for how jobs stand.
    init(
        _ queue: any JobQueue, atOutput: [Int: @Sendable () async throws -> Void] = [:],
        atCounts: @escaping @Sendable () async throws -> Void = {}, pageError: QueueError? = nil
    ) {
        self.queue = queue
        self.atOutput = atOutput
        self.atCounts = atCounts
        self.pageError = pageError
    }

    func sites() async throws(QueueError) -> [Site] { try await queue.sites() }
    func hostsHeldBack(limit: Int) async throws(QueueError) -> [HostPace] {
        try await queue.hostsHeldBack(limit: limit)
    }
    func setting(_ name: String) async throws(QueueError) -> String? {
        try await queue.setting(name)
    }
    func block(holding position: Int, of batch: Batch) async throws(QueueError) -> ListBlock {
        try await queue.block(holding: position, of: batch)
    }
    func references(of batch: Batch.ID?) async throws(QueueError) -> [HeaderSource] {
        try await queue.references(of: batch)
    }
    func batches(from id: Batch.ID, limit: Int) async throws(QueueError) -> BatchPage {
        try await queue.batches(from: id, limit: limit)
    }
    func batch(named name: String) async throws(QueueError) -> Batch? {
        try await queue.batch(named: name)
    }
    func recordsSupersededMax(of batch: Batch.ID) async throws(QueueError) -> Int {
        try await queue.recordsSupersededMax(of: batch)
    }
    func unfinishedLists() async throws(QueueError) -> [UnfinishedList] {
        try await queue.unfinishedLists()
    }
    nonisolated var countsInterval: Duration { .zero }

    func output(of site: Site) async throws(QueueError) -> QueueOutput {
        let output = try await queue.output(of: site)
        outputs += 1
        if let happening = atOutput.removeValue(forKey: outputs) { try await happen(happening) }
        return output
    }

    func counts(of batch: Batch.ID?) async throws(QueueError) -> QueueCounts {
        try await happen(atCounts)
        return try await queue.counts(of: batch)
    }

    private func happen(_ what: @Sendable () async throws -> Void) async throws(QueueError) {
        do {
            try await what()
        } catch {
            throw QueueError(.io, "\(error)")
        }
    }

    func page(from place: LedgerPlace) async throws(QueueError) -> LedgerPage {
        if let pageError { throw pageError }
        return try await queue.page(from: place)
    }
    func verify(from place: LedgerPlace) async throws(QueueError) -> VerifiedWindow {
        try await queue.verify(from: place)
    }
    func close() {}
}
