import Glibc

/// Writes to the standard streams: data to stdout, the rest to stderr.
enum Terminal {
    /// Opens the standard streams that the program was started without. Otherwise the next file
    /// opened would get such a stream's number, and messages would be written into the queue.
    /// Called first of all.
    static func openMissingStreams() {
        while true {
            // Only to be read: what is written to it must fail, as it would have.
            let descriptor = open("/dev/null", O_RDONLY)
            guard (0...STDERR_FILENO).contains(descriptor) else {
                close(descriptor)
                return
            }
        }
    }

    /// Writes to stderr. A closed or full stream, or a pipe that nobody reads, is not an error: the
    /// run goes on.
    static func say(_ text: String) {
        guard isReady(STDERR_FILENO) else { return }
        try? write(text + "\n", to: STDERR_FILENO)
    }

    /// Whether a line can be written without waiting for a reader, or within 100 ms.
    static func isReady(_ descriptor: Int32) -> Bool {
        var stream = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return poll(&stream, 1, 100) > 0
    }

    /// Writes data and a line break to stdout.
    static func output(_ text: String) throws(OutputError) {
        try write(text + "\n", to: STDOUT_FILENO)
    }

    /// Writes data to stdout as it is.
    static func output(_ bytes: [UInt8]) throws(OutputError) {
        try write(bytes[...], to: STDOUT_FILENO)
    }

    static func write(_ text: String, to descriptor: Int32) throws(OutputError) {
        try write(Array(text.utf8)[...], to: descriptor)
    }

    private static func write(
        _ bytes: ArraySlice<UInt8>, to descriptor: Int32
    ) throws(OutputError) {
        var bytes = bytes
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                throw OutputError(number: errno)
            }
            bytes = bytes.dropFirst(count)
        }
    }

    /// Writes an error to stderr, in one line, as the log of the run has it.
    static func complain(_ text: String) { RunLog.current.complain(escaped(text)) }

    /// Whether `descriptor` is a terminal that can move its cursor.
    static func isInteractive(_ descriptor: Int32) -> Bool {
        isatty(descriptor) == 1 && getenv("TERM").map { String(cString: $0) } ?? "dumb" != "dumb"
    }

    static var allowsColour: Bool { getenv("NO_COLOR").map { $0.pointee == 0 } ?? true }

    struct Size {
        let columns: Int
        let rows: Int

        /// The columns except the last, since text that fills the last may wrap.
        var usableColumns: Int { max(1, columns - 1) }
        /// The rows except the cursor's.
        var usableRows: Int { max(1, rows - 1) }
    }

    /// Returns the present size of a terminal; 80 by 24 when the terminal does not say.
    static func size(_ descriptor: Int32) -> Size {
        var size = winsize()
        let isKnown = ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0
        return Size(
            columns: isKnown && size.ws_col > 0 ? Int(size.ws_col) : 80,
            rows: isKnown && size.ws_row > 0 ? Int(size.ws_row) : 24)
    }

    /// Whether the terminal wraps lines on the screen again when its window is made narrower, as
    /// most terminals do; the ones tested for here cut such lines off.
    static let wrapsAgain =
        getenv("XTERM_VERSION") == nil && getenv("STY") == nil
        && getenv("TERM").map { String(cString: $0) } != "linux"

    /// Spells out control characters: a file name or a server's text must not drive the terminal.
    static func escaped(_ text: String) -> String {
        String(
            text.unicodeScalars.map { scalar in
                switch scalar.value {
                case 0..<0x20, 0x7F..<0xA0: "\\u{\(String(scalar.value, radix: 16))}"
                default: String(scalar)
                }
            }.joined())
    }
}

/// The error when standard output cannot be written.
struct OutputError: Error, CustomStringConvertible {
    let number: Int32
    /// The beginning of the message: work that was done nonetheless and must not be done again.
    var done = ""

    var description: String {
        let reason = String(cString: strerror(number))
        return "\(done)standard output cannot be written (\(reason)); send it elsewhere"
    }
}
