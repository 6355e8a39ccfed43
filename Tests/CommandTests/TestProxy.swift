import Foundation
import TestSupport
import Testing

/// `Tests/Tools/proxy.py` as a process of its own.
final class TestProxy {
    /// What it was asked for.
    struct Seen: Decodable {
        let plain, connect, socks, peers: [String]
        let denied, authorization: Int
    }

    let port: Int
    private let control: Int
    private let process: Program.Running

    /// Starts it and waits until it listens.
    init(_ arguments: String...) async throws {
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Tools/proxy.py").path
        let process = try Program().start("/usr/bin/python3", ["-B", script] + arguments)
        try await process.wait { process.out.contains("\n") }
        // listening on 127.0.0.1:PORT control CONTROL
        let words = process.out.split { " :\n".contains($0) }
        try #require(words.count == 6, "\(process.out)\(process.err)")
        port = try #require(Int(words[3]))
        control = try #require(Int(words[5]))
        self.process = process
    }

    /// Where it is, as `--proxy` takes it without a scheme.
    var place: String { "127.0.0.1:\(port)" }

    func seen() throws -> Seen {
        let text = try #require(httpGet(port: control, "/seen"))
        return try JSONDecoder().decode(Seen.self, from: Data(text.utf8))
    }

    /// Ends it, with all its connections.
    func stop() async {
        process.kill(SIGKILL)
        await process.wait()
    }
}
