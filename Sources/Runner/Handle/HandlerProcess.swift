internal import CShell
internal import Glibc
internal import JobStore

/// One process of a handler, with the pipes to it. Nothing here waits. Used on one thread.
final class HandlerProcess {
    /// The end of the process, as a clause.
    struct End: Equatable, CustomStringConvertible {
        /// The status of waitpid(2).
        let status: Int32

        var description: String {
            let signal = status & 0x7F
            if signal != 0 { return "was ended by signal \(signal)" }
            let code = (status >> 8) & 0xFF
            return "ended with exit status \(code)"
        }
    }

    private let pid: pid_t
    /// The ends of the pipes; -1 once they are closed.
    private(set) var input: Int32
    private(set) var output: Int32
    private(set) var errors: Int32
    /// Lines on their way to the process.
    private var lines = ArrivalQueue<[UInt8]>()
    /// Lines that are being written, together, and the bytes of them that are.
    private var piece: [UInt8] = []
    private var writtenOfPiece = 0
    private var written = 0
    /// The bytes that were not read when the input was closed.
    private var unreadAtClose = 0
    private var answers: LineBuffer
    let words: HandlerWords
    private(set) var end: End?
    /// The thing that the process did, as a clause, for which it is killed if it does not end before,
    /// and the time in µs of that.
    private(set) var notice: (clause: String, killMicros: Int)?

    /// Lines are written together up to so many bytes.
    private static let pieceBytesMax = 64 << 10
    /// The most bytes that are read in one look: others have their turn, too.
    private static let lookBytesMax = 4 << 20

    /// Starts a command by `/bin/sh -c`.
    ///
    /// - Parameter inputBytes: The bytes of input that the pipe holds, if the system allows it; 0 for as
    ///   many as it gives.
    /// - Throws: `Errno` when the system gives no process or no pipe.
    init(
        _ command: String, inputBytes: Int, answerBytesMax: Int, _ words: HandlerWords
    ) throws(Errno) {
        // Where it is ignored, as some who started the run leave it, nobody hears of an end.
        signal(SIGCHLD, SIG_DFL)
        var started: pid_t = 0
        var ends: (Int32, Int32, Int32) = (-1, -1, -1)
        let error = withUnsafeMutableBytes(of: &ends) {
            spawn_filter(&started, command, $0.baseAddress!.assumingMemoryBound(to: Int32.self))
        }
        guard error == 0 else { throw Errno(error) }
        pid = started
        (input, output, errors) = ends
        if inputBytes > 0 { widen_pipe(input, Int32(clamping: inputBytes)) }
        answers = LineBuffer(lineBytesMax: answerBytesMax)
        self.words = words
    }

    /// Kills the process, with what it has started, if it runs.
    deinit {
        if end == nil {
            kill(-pid, SIGKILL)
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        }
        for descriptor in [input, output, errors] where descriptor >= 0 { close(descriptor) }
    }

    // MARK: - Input

    /// Whether lines wait to be written.
    var isWriting: Bool { input >= 0 && !(lines.isEmpty && piece.isEmpty) }

    /// The bytes that the process has taken from its input.
    var readBytes: Int { written - (input >= 0 ? Int(unread_bytes(input)) : unreadAtClose) }

    func send(_ line: [UInt8]) { lines.append(line) }

    /// Writes what the pipe takes.
    ///
    /// - Returns: Whether the process may read more.
    func write() -> Bool {
        while takePiece() {
            let count = piece.withUnsafeBytes {
                Glibc.write(
                    input, $0.baseAddress! + writtenOfPiece, piece.count - writtenOfPiece)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return errno == EAGAIN }
            written += count
            writtenOfPiece += count
        }
        return true
    }

    /// Makes a piece of the next lines, if none is being written.
    ///
    /// - Returns: Whether there is one.
    private func takePiece() -> Bool {
        if writtenOfPiece < piece.count { return true }
        writtenOfPiece = 0
        piece.removeAll(keepingCapacity: piece.count <= Self.pieceBytesMax)
        while let line = lines.first {
            if piece.isEmpty {
                // Large ones are not copied.
                if line.count > Self.pieceBytesMax / 4 { piece = line } else { piece += line }
            } else if piece.count + line.count <= Self.pieceBytesMax {
                piece += line
            } else {
                break
            }
            _ = lines.popFirst()
        }
        return !piece.isEmpty
    }

    /// Tells the process that no more comes.
    func closeInput() {
        guard input >= 0 else { return }
        unreadAtClose = Int(unread_bytes(input))
        close(input)
        input = -1
        (lines, piece, writtenOfPiece) = (ArrivalQueue(), [], 0)
    }

    // MARK: - Output

    /// Reads answers.
    ///
    /// - Parameter take: Called with each line, without its end; returns whether to go on.
    /// - Returns: Whether more may come.
    /// - Throws: `LineBuffer.Excess` when a line is too long.
    func readAnswers(
        _ take: (UnsafeRawBufferPointer) -> Bool
    ) throws(LineBuffer.Excess) -> Bool {
        guard output >= 0 else { return false }
        var taken = 0
        while taken < Self.lookBytesMax {
            switch answers.read(from: output) {
            case .some(let count) where count > 0: taken += count
            case .some:
                close(output)
                output = -1
                return false
            case .none: return true
            }
            guard try answers.forEachLine(take), answers.wasFilled else { return true }
        }
        return true
    }

    /// Reads what the process says on its standard error.
    func readErrors() {
        guard errors >= 0, !words.read(from: errors) else { return }
        close(errors)
        errors = -1
    }

    // MARK: - End

    /// Returns the end of the process, without waiting; `nil` while it runs. What is left of its group
    /// is killed then.
    func reap() -> End? {
        if let end { return end }
        var status: Int32 = 0
        guard reap_group(pid, &status) == 1 else { return nil }
        end = End(status: status)
        return end
    }

    /// Gives the process some time to end by itself, unless it was given before.
    func giveNotice(_ clause: String, killMicros: Int) {
        if notice == nil { notice = (clause, killMicros) }
    }

    /// Sends a signal to the process and what it has started.
    func signalGroup(_ number: Int32) { if end == nil { kill(-pid, number) } }
}
