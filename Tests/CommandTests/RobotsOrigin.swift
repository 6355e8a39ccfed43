import Foundation
import TestSupport
import Testing

/// `Tests/Tools/robots_origin.py` as a process: many hosts, each with a robots.txt as its name says.
final class RobotsOrigin: OriginProcess {
    /// A request that came.
    struct Asked: Hashable {
        let host: String
        let path: String
        let userAgent: String
        /// The time of the request, on a clock of the origin's.
        let seconds: Double
    }

    init() async throws {
        try await super.init(Program().startTool("robots_origin.py"))
    }

    /// The requests that came, in order.
    func log() throws -> [Asked] {
        let text = try #require(httpGet(port: port, "/_/log"))
        return try JSONDecoder().decode([[String]].self, from: Data(text.utf8)).map {
            Asked(host: $0[0], path: $0[1], userAgent: $0[2], seconds: Double($0[3]) ?? .nan)
        }
    }

    /// How often each host was asked for its robots.txt.
    func asked() throws -> [String: Int] {
        try log().filter { $0.path == "/robots.txt" }.reduce(into: [:]) {
            $0[$1.host, default: 0] += 1
        }
    }
}
