import Foundation
import TestSupport
import Testing

/// `Tests/Tools/echo_origin.py` as a process: it answers each request with what it got.
final class EchoOrigin: OriginProcess {
    /// A request as the origin got it.
    struct Request: Decodable, Equatable {
        let method: String
        let target: String
        /// Name and value of each field.
        let headers: [[String]]
        let body: Data

        /// The values of a field, in order.
        func values(_ name: String) -> [String] {
            headers.filter { $0[0].lowercased() == name.lowercased() }.map { $0[1] }
        }
    }

    /// The record of a job in JSON Lines.
    struct Record: Decodable {
        let id: Int
        let url: String
        let method: String
        let status: Int
        let body: String?
        let key: String?
        /// The values that the job's line carries along; `nil` where these are not texts.
        let meta: [String: String]?

        enum CodingKeys: CodingKey { case id, url, method, status, body, key, meta }

        init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            id = try values.decode(Int.self, forKey: .id)
            url = try values.decode(String.self, forKey: .url)
            method = try values.decode(String.self, forKey: .method)
            status = try values.decode(Int.self, forKey: .status)
            body = try values.decodeIfPresent(String.self, forKey: .body)
            key = try values.decodeIfPresent(String.self, forKey: .key)
            meta = try? values.decode([String: String].self, forKey: .meta)
        }

        var request: Request {
            get throws { try JSONDecoder().decode(Request.self, from: Data((body ?? "").utf8)) }
        }
    }

    init(_ arguments: String...) async throws {
        try await super.init(Program().startTool("echo_origin.py", arguments))
    }

    /// Queues a range and fetches it.
    ///
    /// - Returns: The records by rising ID.
    func records(
        in program: Program, range: String = "7..8", path: String = "/{id}",
        _ arguments: [String], run: [String] = []
    ) async throws -> [Record] {
        // It may have a note on a secret.
        let enqueue = try await program.start(
            "runner", ["enqueue", "--range", range, "--url", url + path] + arguments
        ).wait()
        #expect(enqueue.status == 0, "\(enqueue.err)")
        try await program.start("runner", ["run", "-q", "--output", "out"] + run).wait()
            .expectSuccess()
        return try program.records()
    }
}

extension Program {
    /// The records of the output in JSON Lines, by rising ID.
    func records() throws -> [EchoOrigin.Record] {
        let out = folder.file("out")
        let names = try FileManager.default.contentsOfDirectory(atPath: out).sorted()
        return try names.filter { $0.hasSuffix(".jsonl") }.flatMap { name in
            try contents(of: out + "/" + name).split(separator: 10).map {
                try JSONDecoder().decode(EchoOrigin.Record.self, from: Data($0))
            }
        }.sorted { $0.id < $1.id }
    }
}
