import Foundation
import TestSupport
import Testing

/// `Tests/Tools/h2_origin.py` as a process: it speaks HTTP/2, and takes streams back.
final class HTTP2Origin {
    struct Report: Decodable {
        let ok: Int
        /// Those of `ok` by POST.
        let posted: Int
        /// Paths that were answered twice.
        let twice: Int
        /// Streams that were taken back.
        let refused: Int
        let connections: Int
        /// The most streams in flight, of all connections.
        let mostInFlight: Int
    }

    let port: Int
    private let reportPort: Int
    private let process: Program.Running

    /// - Parameter program: Its folder gets the certificate, `cert.pem`.
    init(_ arguments: [String], in program: Program) async throws {
        let tool = try Tools.script("h2_origin.py")
        try await program.makeCertificate()
        let process = try program.start(
            Tools.python, ["-B", tool, "cert.pem", "key.pem"] + arguments)
        try await process.wait { process.out.contains("\n") }
        self.process = process
        let ports = process.out.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
        try #require(ports.count == 2, "\(process.err)")
        (port, reportPort) = (ports[0], ports[1])
    }

    var url: String { "https://localhost:\(port)" }

    func report() throws -> Report {
        let text = try #require(httpGet(port: reportPort, "/"))
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Report.self, from: Data(text.utf8))
    }
}
