import Foundation

/// What `status --json` prints, read as a user's program would.
struct StatusJSON: Decodable {
    struct Jobs: Decodable, Equatable {
        let total, available, running, retrying, completed, failed, cancelled: Int
    }
    struct Outcome: Decodable, Equatable {
        let outcome: String
        let state: String
        let count: Int
    }
    struct Run: Decodable {
        let active: Bool
        let pid: Int
        let workers: Int
        let requestsPerS: Double
        let startedAt: String
        let etaS: Double?
    }

    static var decoder: JSONDecoder {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return decoder
    }

    let jobs: Jobs
    let outcomes: [Outcome]
    let run: Run?
}

extension Program {
    func status(batch: String? = nil) async throws -> StatusJSON {
        let more = batch.map { ["--batch", $0] } ?? []
        let result = try await start("runner", ["status", "--json"] + more).wait()
        return try StatusJSON.decoder.decode(StatusJSON.self, from: Data(result.out.utf8))
    }
}
