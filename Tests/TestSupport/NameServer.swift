internal import Foundation
import Glibc

/// `Tests/Tools/name_server.py` as a process of its own: it answers as the name asked for says.
public final class NameServer: Sendable {
    /// What it was asked.
    public struct Counts: Decodable, Sendable {
        public let total: Int
        /// Queries, of both types, by name in lower case.
        public let names: [String: Int]
        public let types: [String: Int]
        public let transports: [String: Int]
    }

    public let host: String
    /// Of UDP and TCP.
    public let port: Int
    private let control: Int
    private let pid: pid_t

    public struct NoServer: Error {
        public let said: String
    }

    /// Starts it and waits until it listens.
    ///
    /// - Parameter arguments: As the script has them, for example `"--as", "slow-200"`.
    public init(_ arguments: String...) throws {
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Tools/name_server.py").path
        var ends: [Int32] = [0, 0]
        precondition(pipe(&ends) == 0, "no pipe")
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        let words =
            (["/usr/bin/python3", "-B", script] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var pid: pid_t = 0
        let error = posix_spawn(&pid, words[0]!, &actions, nil, words, environ)
        close(ends[1])
        defer { close(ends[0]) }
        guard error == 0 else { throw NoServer(said: String(cString: strerror(error))) }
        self.pid = pid
        var line = ""
        var byte: UInt8 = 0
        while read(ends[0], &byte, 1) == 1, byte != UInt8(ascii: "\n") {
            line.unicodeScalars.append(Unicode.Scalar(byte))
        }
        // listening on 127.0.0.1:PORT control CONTROL
        let parts = line.split(separator: " ")
        let place = parts.count == 5 ? parts[2].split(separator: ":") : []
        guard place.count == 2, let port = Int(place[1]), let control = Int(parts[4]) else {
            Self.end(pid)
            throw NoServer(said: line)
        }
        host = String(place[0])
        self.port = port
        self.control = control
    }

    deinit { Self.end(pid) }

    private static func end(_ pid: pid_t) {
        kill(pid, SIGKILL)
        var status: Int32 = 0
        waitpid(pid, &status, 0)
    }

    /// As `--dns-servers` takes it.
    public var address: String { "\(host):\(port)" }

    /// Only of one that listens at 127.0.0.1.
    public func counts() throws -> Counts {
        let text = httpGet(port: control, "/counts") ?? ""
        return try JSONDecoder().decode(Counts.self, from: Data(text.utf8))
    }
}

/// A UDP port that swallows whatever comes.
public final class BlackHole: Sendable {
    public let port: Int
    private let descriptor: Int32

    public init() {
        let bound = BoundSocket(isUDP: true)
        (port, descriptor) = (bound.port, bound.descriptor)
    }

    deinit { close(descriptor) }

    /// As `--dns-servers` takes it.
    public var address: String { "127.0.0.1:\(port)" }
}
