import Glibc
import JobStore
import TestSupport
import Testing

@testable import Runner

/// What is wrong within records, format by format.
@Suite struct OutputAuditFormatTests {
    private func expect(
        _ report: AuditReport, faults: String..., sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let found = report.faults.map(\.description)
        #expect(found.count == faults.count, "\(found)", sourceLocation: sourceLocation)
        for (fault, text) in zip(found, faults) {
            #expect(fault.contains(text), sourceLocation: sourceLocation)
        }
    }

    /// Four jobs, all completed, with these bytes as their output, whose checksum is right.
    private func audit(
        _ format: String, _ bytes: [UInt8], records: Int = 4, failed: Range<Int> = 0..<0,
        then change: (AuditSample) -> Void = { _ in }
    ) async throws -> AuditReport {
        let sample = try await AuditSample(jobs: 4, format: format)
        try await sample.keep([])
        let completed = (0..<4).filter { !failed.contains($0) }
        try await sample.commit(
            completed, failed: failed, [sample.file(bytes, records: records)])
        change(sample)
        return try await sample.audit()
    }

    // MARK: - jsonl.gz

    @Test func gzip_isReadMemberByMember() async throws {
        let bytes = gzipMember(AuditSample.lines(0..<3)) + gzipMember(AuditSample.line(3))
        let report = try await audit("jsonl.gz", bytes)
        expect(report)
        #expect(report.records == 4 && report.bytes == bytes.count)
    }

    @Test func gzip_ofAnotherWriter_isRead() async throws {
        let folder = Folder()
        write(AuditSample.lines(0..<4), to: folder.file("lines"))
        try #require(system("gzip -9 '\(folder.file("lines"))'") == 0)
        expect(try await audit("jsonl.gz", contents(of: folder.file("lines.gz"))))
    }

    @Test(arguments: [-1, -5, -12, 0, 2, 12, 40])
    func gzip_flippedBitIsNamed(at place: Int) async throws {
        var bytes = gzipMember(AuditSample.lines(0..<4))
        bytes[place < 0 ? bytes.count + place : place] ^= 1
        let report = try await audit("jsonl.gz", bytes)
        let isNamed = report.faults.contains {
            $0.description.contains("responses-00001.jsonl.gz is damaged after byte 0")
                || $0.description.contains("ends within a gzip member")
        }
        #expect(isNamed, "\(report.faults)")
    }

    @Test func gzip_cutMemberIsNamed() async throws {
        let bytes = Array(gzipMember(AuditSample.lines(0..<4)).dropLast(3))
        expect(
            try await audit("jsonl.gz", bytes), faults: "ends within a gzip member")
    }

    @Test func gzip_bytesBetweenMembersAreNamed() async throws {
        let bytes = gzipMember(AuditSample.lines(0..<4)) + Array("padding".utf8)
        expect(try await audit("jsonl.gz", bytes), faults: "is damaged after byte")
    }

    // MARK: - warc

    private func jobs(_ ids: Range<Int>) -> [UInt8] { ids.flatMap { WARCSample.job($0) } }

    @Test func warc_isRead() async throws {
        let report = try await audit("warc", WARCSample.info + jobs(0..<4))
        expect(report)
        #expect(report.records == 4)
    }

    @Test func warc_bodiesLongerThanTheBufferAreRead() async throws {
        let bytes = (0..<4).flatMap {
            WARCSample.job($0, body: String(repeating: "xyz", count: 100_000 * $0 + 87_000))
        }
        expect(try await audit("warc", WARCSample.info + bytes))
    }

    @Test func warc_failuresAreRead() async throws {
        let bytes = jobs(0..<2) + [2, 3].flatMap { WARCSample.failure($0).member(id: "\($0)") }
        expect(try await audit("warc", WARCSample.info + bytes, failed: 2..<4))
    }

    @Test func warc_flippedBitInAPayloadIsNamed() async throws {
        let changed = WARCSample.job(2, body: "hallo") { $0.block[$0.block.count - 4] ^= 4 }
        let report = try await audit("warc", WARCSample.info + jobs(0..<2) + changed + jobs(3..<4))
        expect(
            report, faults: "its block is not what was written",
            "its payload is not what was written")
        #expect(
            report.faults[0].description.hasPrefix("responses-00001.warc.gz record at byte "))
    }

    @Test func warc_flippedBitInAMemberIsNamed() async throws {
        var bytes = WARCSample.info + jobs(0..<4)
        bytes[bytes.count - 60] ^= 1
        expect(try await audit("warc", bytes), faults: "is damaged after byte")
    }

    @Test func warc_wrongPayloadDigestIsNamed() async throws {
        let changed = WARCSample.job(3) { $0.fields[4].1 = WARCSample.digest([1]) }
        expect(
            try await audit("warc", WARCSample.info + jobs(0..<3) + changed),
            faults: "its payload is not what was written")
    }

    @Test func warc_wrongLengthIsNamed() async throws {
        for length in [3, 1000] {
            let changed = WARCSample.job(3) { $0.length = length }
            expect(
                try await audit("warc", WARCSample.info + jobs(0..<3) + changed),
                faults: "its Content-Length is not its length")
        }
    }

    @Test func warc_missingInfoIsNamed() async throws {
        expect(try await audit("warc", jobs(0..<4)), faults: "record at byte 0: is not warcinfo")
    }

    @Test func warc_missingRequestIsNamed() async throws {
        let response = WARCSample.response(3).member(id: "response-3")
        expect(
            try await audit("warc", WARCSample.info + jobs(0..<3) + response),
            faults: "ends with a response without its request")
        expect(
            try await audit("warc", WARCSample.info + response + jobs(0..<3)),
            faults: "stands where the request of the response before it belongs")
    }

    @Test func warc_requestOfAnotherIsNamed() async throws {
        let bytes =
            WARCSample.response(3).member(id: "response-3")
            + WARCSample.request(2).member(id: "request-3")
        expect(
            try await audit("warc", WARCSample.info + jobs(0..<3) + bytes),
            faults: "is the request of another response")
    }

    @Test(arguments: [
        (["WARC/1.1": "WARC/1.0"], "does not begin with WARC/1.1"),
        (["WARC-Date:": "WARC-Date"], "has a header line that is no field"),
        (["WARC-Date: 2026": "WARC-Day: 2026"], "has no warc-date"),
        (["Content-Length: ": "Content-Length: x"], "content-length that is no number"),
        (["Runner-ID: 3": "Runner-ID: -3"], "runner-id that is no number"),
        (["Runner-ID": "WARC-Date"], "has warc-date twice"),
        (["urn:uuid": "urn:oid"], "has no <urn:uuid:…>"),
    ])
    func warc_malformedHeaderIsNamed(_ change: [String: String], fault: String) async throws {
        // The member holds its bytes as they are: they are changed, then it is made anew.
        let member = WARCSample.response(3).member(id: "response-3")
        var text = String(decoding: member[15..<(member.count - 8)], as: UTF8.self)
        for (old, new) in change {
            let place = try #require(text.firstRange(of: old))
            text.replaceSubrange(place, with: new)
        }
        let bytes = WARCSample.info + jobs(0..<3) + gzipMember(Array(text.utf8))
        expect(
            try await audit("warc", bytes, records: 3), faults: fault,
            "not found in the output (1): batch 1: 3")
    }

    // MARK: - files

    private func files(
        body: (Int) -> String = { "body \($0)" }, then change: (AuditSample) -> Void
    ) async throws -> AuditReport {
        let sample = try await AuditSample(jobs: 4, first: 12_345_998, format: "files")
        try await sample.keep([])
        let ids = 12_345_998..<12_346_002
        let bytes = ids.flatMap { sample.indexLine($0, body: body($0)) }
        try await sample.commit(ids, [sample.file(bytes, records: 4)])
        change(sample)
        return try await sample.audit()
    }

    @Test func files_areRead() async throws {
        let report = try await files { _ in }
        expect(report)
        let index = report.bytes - 4 * "body 12345998".utf8.count
        #expect(index > 4 * 64 && report.records == 4 && report.files == 1)
        expect(try await files(body: { _ in "" }, then: { _ in }))
        expect(
            try await files(
                body: { String(repeating: "x", count: $0 % 10 * 200_000) }, then: { _ in }))
    }

    @Test func files_changedBodyIsNamed() async throws {
        expect(
            try await files {
                write(Array("bodyx12345999".utf8), to: $0.path("bodies/1/12/345/12345999"))
            },
            faults:
                "line 2, job 12345999 of batch 1: bodies/1/12/345/12345999 is not what was written")
    }

    @Test func files_bodyOfAnotherLengthIsNamed() async throws {
        expect(
            try await files { write([1, 2], to: $0.path("bodies/1/12/346/12346000")) },
            faults: "bodies/1/12/346/12346000 is 2 bytes long, its line says 13")
    }

    @Test func files_missingBodyIsNamed() async throws {
        expect(
            try await files { unlink($0.path("bodies/1/12/345/12345999")) },
            faults: "bodies/1/12/345/12345999 is missing")
    }

    @Test func files_linkInPlaceOfABodyIsNamed() async throws {
        expect(
            try await files {
                let path = $0.path("bodies/1/12/345/12345999")
                rename(path, $0.folder.file("away"))
                symlink($0.folder.file("away"), path)
            }, faults: "bodies/1/12/345/12345999 is a link")
    }

    @Test func files_linkInPlaceOfAFolderIsNamed() async throws {
        expect(
            try await files {
                rename($0.path("bodies/1/12/346"), $0.folder.file("away"))
                symlink($0.folder.file("away"), $0.path("bodies/1/12/346"))
            }, faults: "bodies/1/12/346/12346000 is not in a folder", "bodies/1/12/346/12346001 is")
    }

    @Test func files_aLineIsNotFollowedElsewhere() async throws {
        let sample = try await AuditSample(jobs: 1, format: "files")
        try await sample.keep([])
        write(Array("secret".utf8), to: sample.folder.file("secret"))
        let line = sample.indexLine(0, body: "secret", file: "../secret")
        try await sample.commit([0], [sample.file(line, records: 1)])
        expect(
            try await sample.audit(), faults: "names another file than bodies/1/0/000/0")
    }

    @Test func files_lineWithoutABodyIsNamed() async throws {
        let sample = try await AuditSample(jobs: 1, format: "files")
        try await sample.keep([])
        try await sample.commit([0], [sample.file(AuditSample.line(0), records: 1)])
        expect(try await sample.audit(), faults: "does not end with its body's file and sha256")
    }
}
