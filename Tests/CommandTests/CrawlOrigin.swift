import Foundation
import TestSupport
import Testing

/// `Tests/Tools/crawl_origin.py` as a process: many sites, such as a polite crawl meets.
final class CrawlOrigin: OriginProcess {
    /// A request that came.
    struct Asked: Decodable {
        let host: String
        let path: String
        /// The time of the request, on a clock of the origin's.
        let seconds: Double

        init(from decoder: any Decoder) throws {
            var values = try decoder.unkeyedContainer()
            host = try values.decode(String.self)
            path = try values.decode(String.self)
            seconds = try values.decode(Double.self)
        }
    }

    struct Log: Decodable {
        /// All requests, in order.
        let requests: [Asked]
        /// The most requests at once by host, without those for robots.txt.
        let most: [String: Int]
        /// Requests that are being answered.
        let now: Int
    }

    init(_ arguments: String...) async throws {
        try await super.init(Program().startTool("crawl_origin.py", arguments))
    }

    /// The authority of a site.
    func site(_ number: Int) -> String { "site-\(number).test:\(port)" }

    func log() throws -> Log {
        let text = try #require(httpGet(port: port, "/_/log"))
        return try JSONDecoder().decode(Log.self, from: Data(text.utf8))
    }

    /// The pages that a crawl gets from home pages and sitemaps, by URL without its scheme, and the
    /// depth of each.
    func expected(depth: Int) throws -> [String: Int] {
        let query = "depth=\(depth)&host=site-%25d.test:\(port)"
        let text = try #require(httpGet(port: port, "/_/expected?\(query)"))
        return try JSONDecoder().decode([String: Int].self, from: Data(text.utf8))
    }
}
