import Foundation
import TestSupport
import Testing

/// `Tests/Tools/list_origin.py` as a process: it serves the files of a program's folder.
final class ListOrigin: OriginProcess {
    init(in program: Program, _ arguments: String...) async throws {
        try await super.init(program.startTool("list_origin.py", arguments))
    }

    /// The paths that were asked for, in order.
    func log() throws -> [String] {
        let text = try #require(httpGet(port: port, "/_/log"))
        return try JSONDecoder().decode([String].self, from: Data(text.utf8))
    }
}
