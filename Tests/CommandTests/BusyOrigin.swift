import Foundation
import TestSupport
import Testing

/// `Tests/Tools/busy_origin.py` as a process: it pushes back, and writes down how it was asked.
final class BusyOrigin: OriginProcess {
    struct Report: Decodable {
        let ok: Int
        let refused: Int
        /// Requests for paths that had been told to wait for longer.
        let early: Int
        /// Paths that were answered twice.
        let twice: Int
        /// The requests by User-Agent.
        let agents: [String: Int]
        let inFlight: Int
        let mostInFlight: Int
        /// The most requests in any second.
        let mostInASecond: Int
    }

    init(_ arguments: [String]) async throws {
        try await super.init(Program().startTool("busy_origin.py", arguments))
    }

    func report() throws -> Report { try ask("/_/report") }

    /// Has `mostInFlight` and `mostInASecond` begin anew.
    func reset() throws { _ = try ask("/_/reset") }

    private func ask(_ path: String) throws -> Report {
        let text = try #require(httpGet(port: port, path))
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Report.self, from: Data(text.utf8))
    }
}
