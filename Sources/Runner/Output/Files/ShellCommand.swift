internal import CShell
internal import Glibc
internal import JobStore

/// A command of the shell that runs for a file, as a child process in a process group of its own:
/// a Ctrl-C in the terminal is the run's alone to answer. It inherits no descriptor, or a command
/// that outlives the run would keep the queue locked.
///
/// Nothing here waits. One task uses it.
final class ShellCommand {
    /// The end of a command.
    enum End: Equatable {
        case exit(Int32)
        case signal(Int32)

        var isSuccess: Bool { self == .exit(0) }
    }

    private let pid: pid_t
    /// The reading end of a pipe that is the command's standard output and error; never blocks.
    private let output: Int32
    /// The beginning of a line whose end has yet to come.
    private var line: [UInt8] = []
    private var end: End?

    /// The most bytes of a line; longer ones are cut into several.
    private static let lineBytesMax = 1000
    /// The most bytes that are taken in one look: a command that says more waits.
    private static let lookBytesMax = 64 << 10

    /// Starts a command by `/bin/sh -c`.
    ///
    /// - Parameter path: The path of the file, in the variable `RUNNER_FILE` and as `$1`.
    /// - Throws: `Errno` when the system gives no process or no pipe.
    init(_ command: String, file path: String) throws(Errno) {
        // Where it is ignored, as some who started the run leave it, nobody hears of an end.
        signal(SIGCHLD, SIG_DFL)
        var started: pid_t = 0
        var reading: Int32 = -1
        let error = spawn_shell(&started, command, path, &reading)
        guard error == 0 else { throw Errno(error) }
        (pid, output) = (started, reading)
    }

    /// Takes the command off the process table; kills it, with what it has started, if it runs.
    deinit {
        if end == nil {
            kill(-pid, SIGKILL)
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        }
        close(output)
    }

    /// Reads what the command says, and returns its end; `nil` while it runs.
    ///
    /// - Parameter tell: Called with each line, without its end.
    func look(_ tell: (String) -> Void) -> End? {
        if let end { return end }
        var status: Int32 = 0
        // Before reading: all that it said is in the pipe once it has ended.
        let hasEnded = waitpid(pid, &status, WNOHANG) == pid
        read(tell)
        guard hasEnded else { return nil }
        if !line.isEmpty { tellLine(tell) }
        let signal = status & 0x7F
        let ended = signal == 0 ? End.exit((status >> 8) & 0xFF) : .signal(signal)
        end = ended
        return ended
    }

    /// Asks the command, and what it has started, to end.
    func terminate() { if end == nil { kill(-pid, SIGTERM) } }

    private func read(_ tell: (String) -> Void) {
        var bytes = [UInt8](repeating: 0, count: 4096)
        var taken = 0
        while taken < Self.lookBytesMax {
            let count = Glibc.read(output, &bytes, bytes.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            taken += count
            for byte in bytes[..<count] {
                if byte != UInt8(ascii: "\n") { line.append(byte) }
                if byte == UInt8(ascii: "\n") || line.count == Self.lineBytesMax { tellLine(tell) }
            }
        }
    }

    private func tellLine(_ tell: (String) -> Void) {
        tell(String(decoding: line, as: UTF8.self))
        line = []
    }
}
