import Foundation
import TestSupport
import Testing

/// `Tests/Tools/robots_origin.py` as a process: many hosts, each with a robots.txt as its name says.
final class RobotsOrigin {
    /// A request that came.
    struct Asked: Hashable {
        let host: String
        let path: String
        let userAgent: String
    }

    let port: Int
    private let process: Program.Running

    init() async throws {
        let tool = try Tools.script("robots_origin.py")
        let process = try Program().start(Tools.python, ["-B", tool])
        try await process.wait { process.out.contains("\n") }
        self.process = process
        let digits = process.out.split(separator: ":").last?.filter(\.isNumber) ?? ""
        port = try #require(Int(digits), "\(process.err)")
    }

    var url: String { "http://127.0.0.1:\(port)" }

    /// The requests that came, in order.
    func log() throws -> [Asked] {
        let text = try #require(httpGet(port: port, "/_/log"))
        return try JSONDecoder().decode([[String]].self, from: Data(text.utf8)).map {
            Asked(host: $0[0], path: $0[1], userAgent: $0[2])
        }
    }

    /// How often each host was asked for its robots.txt.
    func asked() throws -> [String: Int] {
        try log().filter { $0.path == "/robots.txt" }.reduce(into: [:]) {
            $0[$1.host, default: 0] += 1
        }
    }
}
