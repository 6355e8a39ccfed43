import Foundation
import TestSupport
import Testing

/// `Tests/Tools/list_origin.py` as a process: it serves the files of a program's folder.
final class ListOrigin {
    let port: Int
    private let process: Program.Running

    init(in program: Program, _ arguments: String...) async throws {
        let tool = try Tools.script("list_origin.py")
        let process = try program.start(Tools.python, ["-B", tool] + arguments)
        try await process.wait { process.out.contains("\n") }
        self.process = process
        let digits = process.out.split(separator: ":").last?.filter(\.isNumber) ?? ""
        port = try #require(Int(digits), "\(process.err)")
    }

    var url: String { "http://127.0.0.1:\(port)" }

    /// The paths that were asked for, in order.
    func log() throws -> [String] {
        let text = try #require(httpGet(port: port, "/_/log"))
        return try JSONDecoder().decode([String].self, from: Data(text.utf8))
    }
}
