import Foundation
import TestSupport
import Testing

/// The test origin as a process of its own, which outlives the runs that are killed.
final class TestOrigin: OriginProcess {
    /// What the origin counted.
    struct Hits: Decodable {
        let requests: Int
        let distinct: Int
        let repeated: Int
        let most: Int
    }

    /// Starts it and waits until it listens.
    init(_ arguments: String...) async throws {
        try await super.init(Program().start("test-origin", arguments))
    }

    func hits() throws -> Hits {
        let text = try #require(httpGet(port: port, "/_/hits"))
        return try JSONDecoder().decode(Hits.self, from: Data(text.utf8))
    }

    /// Requests with conditions, and those of them that were answered with a 304.
    struct Conditions: Decodable, Equatable {
        let asked: Int
        let unchanged: Int
    }

    func conditions() throws -> Conditions {
        let text = try #require(httpGet(port: port, "/_/conditions"))
        return try JSONDecoder().decode(Conditions.self, from: Data(text.utf8))
    }

    /// How many IDs of `0..<count` were never asked for.
    func missing(of count: Int) throws -> Int {
        struct Missing: Decodable { let missing: Int }
        let text = try #require(httpGet(port: port, "/_/missing/0/\(count)"))
        return try JSONDecoder().decode(Missing.self, from: Data(text.utf8)).missing
    }
}
