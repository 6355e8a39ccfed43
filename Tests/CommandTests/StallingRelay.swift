import Foundation
import Testing

/// `Tests/Tools/stalling_relay.py` as a process: a network between a run and its queue, which may be
/// cut.
final class StallingRelay: OriginProcess {
    /// The URL of a database, by way of the relay.
    let relayed: String

    /// - Parameter breaks: The bytes after which a connection breaks, about, and the seed of these
    ///   breaks; `nil` where none does.
    init(to url: String, breaks: (bytes: Int, seed: UInt64)? = nil) async throws {
        var parts = try #require(URLComponents(string: url))
        let process = try Program().startTool(
            "stalling_relay.py",
            ["\(try #require(parts.port))"] + (breaks.map { ["\($0.bytes)", "\($0.seed)"] } ?? []))
        try await process.wait { process.out.contains("\n") }
        parts.port = Int(process.out.split(separator: ":").last?.filter(\.isNumber) ?? "")
        relayed = try #require(parts.string)
        try await super.init(process)
    }

    func cut() { process.kill(SIGUSR1) }
    func mend() { process.kill(SIGUSR2) }
}
