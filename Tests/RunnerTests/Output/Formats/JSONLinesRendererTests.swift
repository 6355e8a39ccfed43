import Foundation
import JobStore
import TestSupport
import Testing

@testable import Runner

@Suite struct JSONLinesRendererTests {
    private let bench: SinkBench
    private let renderer = JSONLinesRenderer(keepsBodies: true)

    init() throws { bench = try SinkBench() }

    @Test func render_writesEachKey_inOrder() throws {
        let capture = try bench.capture(
            head: "HTTP/1.1 200 OK\r\nSet-Cookie: a=\"1\"\r\nset-cookie: b\r\n\r\n",
            body: Array("hé\n".utf8), finalURL: "http://127.0.0.1/%C3%A9%20x")
        let line = try renderer.text(of: bench.record(.sample(17, attempt: 2), capture))
        #expect(
            line == #"{"id":17,"batch":1,"state":"completed","url":"http://127.0.0.1:8080/17","#
                + #""final_url":"http://127.0.0.1/%C3%A9%20x","#
                + #""redirects":[{"url":"http://first/","status":302}],"method":"GET","status":200,"#
                + #""outcome":"200","attempts":2,"fetched_at":"2025-11-21T09:09:37.123Z","#
                + #""duration_ms":12.345,"remote_ip":"127.0.0.1","http_version":"1.1","#
                + #""headers":[["Set-Cookie","a=\"1\""],["set-cookie","b"]],"body_bytes":4,"#
                + #""body":"hé\n"}"# + "\n")
    }

    @Test func render_writesNull_whereNothingCame_andNoBodyOfAFailure() throws {
        let capture = Capture(bench.storage)
        let line = try renderer.text(
            of: bench.record(.sample(3), Outcome(.failed, .timeout), capture))
        #expect(
            line.hasPrefix(
                #"{"id":3,"batch":1,"state":"failed","url":"http://127.0.0.1:8080/3","method":"GET","status":null,"outcome":"timeout""#
            ))
        #expect(
            line.hasSuffix(
                #""remote_ip":null,"http_version":null,"headers":[],"body_bytes":0}"# + "\n"))
    }

    @Test func render_tellsOfABodyThatWasCut() throws {
        let capture = try bench.capture(body: [65])
        capture.isCut = true
        let line = try renderer.text(of: bench.record(.sample(1), .ok, capture))
        #expect(line.hasSuffix(#""body_bytes":1,"truncated":true,"body":"A"}"# + "\n"))
    }

    @Test func render_leavesBodiesOut_whenTold() throws {
        let line = try JSONLinesRenderer(keepsBodies: false).text(
            of: bench.record(.sample(1), .ok, try bench.capture(body: [65])))
        #expect(line.hasSuffix(#""body_bytes":1}"# + "\n"))
    }

    /// Bodies of every kind, from memory and from the spool.
    @Test(arguments: [0, 1, 100, 5000, 70_000, 400_000])
    func render_roundTripsAnyBody(length: Int) throws {
        var random = SeededGenerator(seed: testSeed(for: "render_roundTripsAnyBody"))
        let anyBytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
        let controls = (0..<length).map { UInt8($0 % 32) }
        let text = Array(String(repeating: "añ€😀\u{0}\"\\", count: length / 14).utf8)
        let torn = text + [0xF0, 0x9F]
        for body in [anyBytes, controls, text, torn] {
            let line = try renderer.bytes(
                of: bench.record(.sample(1), .ok, try bench.capture(body: body)))
            let object = try #require(
                try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
            #expect(line.last == UInt8(ascii: "\n") && line.count { $0 < 0x20 } == 1)
            let isText = String(validating: body, as: UTF8.self) != nil
            let read =
                isText
                ? Array((object["body"] as? String ?? "none").utf8)
                : Array(Data(base64Encoded: object["body_base64"] as? String ?? "") ?? Data())
            #expect(read == body && object["body_bytes"] as? Int == body.count)
            #expect(object.keys.contains("body") == isText)
        }
    }

    @Test func index_namesTheFileByIDAlone_withItsDigest() throws {
        let job = Job(
            chunk: RequestChunk(.sample(id: 3, first: 12_345_000), .sample), position: 678,
            attempt: 1)
        let capture = try bench.capture(body: Array("abc".utf8))
        let line = try JSONLinesRenderer(keepsBodies: true, isIndex: true).text(
            of: bench.record(job, capture))
        #expect(
            line.hasSuffix(
                #""body_bytes":3,"file":"bodies/3/12/345/12345678","sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}"#
                    + "\n"))
        let name = BodyName(batchID: 3, id: 12_345_678)
        #expect(name.folder == "bodies/3/12/345" && name.file == "12345678")
        #expect(BodyName(batchID: 1, id: 7).folder == "bodies/1/0/000")
        let failed = BodyName(batchID: 1, id: 7, failureSHA256: Array(0..<32))
        #expect(failed.path == "bodies/1/0/000/7-000102030405060708090a0b0c0d0e0f")
    }
}

extension SinkBench {
    fileprivate func record(_ job: Job, _ capture: Capture) -> Record {
        record(job, .ok, capture)
    }
}
