import Foundation

/// What `status --json` prints, read as a user's program would.
struct StatusJSON: Decodable {
    struct Jobs: Decodable, Equatable {
        let total, available, running, retrying, completed, failed: Int
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
        let requests_per_s: Double
        let started_at: String
        let eta_s: Double?
    }

    let jobs: Jobs
    let outcomes: [Outcome]
    let run: Run?
}

extension Program {
    func status() async throws -> StatusJSON {
        let result = try await runner("status", "--json")
        return try JSONDecoder().decode(StatusJSON.self, from: Data(result.out.utf8))
    }
}
