import Testing

/// A server as a process, which is killed when this is let go. Its first line ends with the port at
/// which it listens.
class OriginProcess {
    let port: Int
    let process: Program.Running

    /// Waits until the process listens.
    init(_ process: Program.Running) async throws {
        try await process.wait { process.out.contains("\n") }
        self.process = process
        let digits = process.out.split(separator: ":").last?.filter(\.isNumber) ?? ""
        port = try #require(Int(digits), "\(process.err)")
    }

    var url: String { "http://127.0.0.1:\(port)" }
}

extension Program {
    /// Starts a script of `Tests/Tools` in the folder.
    func startTool(_ script: String, _ arguments: [String] = []) throws -> Running {
        try start(Tools.python, ["-B", try Tools.script(script)] + arguments)
    }
}
