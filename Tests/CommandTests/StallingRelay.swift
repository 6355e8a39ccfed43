import Foundation
import Testing

/// `Tests/Tools/stalling_relay.py` as a process: a network between a run and its queue, which may be
/// cut.
final class StallingRelay: OriginProcess {
    /// The URL of a database, by way of the relay.
    let relayed: String

    /// - Parameter trouble: What it does to connections by itself, as the script takes it.
    init(to url: String, _ trouble: [String] = []) async throws {
        var parts = try #require(URLComponents(string: url))
        let process = try Program().startTool(
            "stalling_relay.py", ["\(try #require(parts.port))"] + trouble)
        try await process.wait { process.out.contains("\n") }
        parts.port = Int(process.out.split(separator: ":").last?.filter(\.isNumber) ?? "")
        relayed = try #require(parts.string)
        try await super.init(process)
    }

    func cut() { process.kill(SIGUSR1) }
    func mend() { process.kill(SIGUSR2) }
}
