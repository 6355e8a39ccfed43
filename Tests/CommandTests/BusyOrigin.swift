import Foundation
import TestSupport
import Testing

/// `Tests/Tools/busy_origin.py` as a process: it pushes back, and writes down how it was asked.
final class BusyOrigin {
    struct Report: Decodable {
        let ok: Int
        let refused: Int
        /// Requests for paths that had been told to wait for longer.
        let early: Int
        /// Paths that were answered twice.
        let twice: Int
        let mostInFlight: Int
        /// The most requests in any second.
        let mostInASecond: Int
    }

    let port: Int
    private let process: Program.Running

    init(_ arguments: [String]) async throws {
        let tool = try Tools.script("busy_origin.py")
        let process = try Program().start(Tools.python, ["-B", tool] + arguments)
        try await process.wait { process.out.contains("\n") }
        self.process = process
        let digits = process.out.split(separator: ":").last?.filter(\.isNumber) ?? ""
        port = try #require(Int(digits), "\(process.err)")
    }

    var url: String { "http://127.0.0.1:\(port)" }

    func report() throws -> Report {
        let text = try #require(httpGet(port: port, "/_/report"))
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Report.self, from: Data(text.utf8))
    }
}
