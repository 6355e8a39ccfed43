import Glibc

/// Lines that are drawn over their earlier version, where the terminal can do that.
struct RedrawnText {
    private let stream: Int32
    private let isInteractive: Bool
    /// The widths of the lines on the screen; the cursor is below the last line.
    private var widths: [Int] = []

    init(to descriptor: Int32) {
        stream = descriptor
        isInteractive = Terminal.isInteractive(descriptor)
    }

    /// Draws lines of any length. On a terminal, lines wider than the screen are broken, and lines
    /// beyond its height are left out.
    ///
    /// - Parameter lines: Makes the lines for the current size of the terminal; the size is `nil`
    ///   when there is no terminal.
    mutating func draw(_ lines: (Terminal.Size?) -> [String]) throws(OutputError) {
        guard isInteractive else {
            return try Terminal.write(lines(nil).map { $0 + "\n" }.joined(), to: stream)
        }
        let size = Terminal.size(stream)
        let fitting = lines(size).flatMap { Layout.wrapped($0, columns: size.usableColumns) }
            .prefix(size.usableRows)
        let erasure = erasure(columns: size.columns)
        widths = fitting.map { Layout.width($0) }
        try Terminal.write(erasure + fitting.map { $0 + "\n" }.joined(), to: stream)
    }

    /// Takes the drawn lines off the screen again.
    mutating func clear() throws(OutputError) {
        guard isInteractive, !widths.isEmpty else { return }
        let erasure = erasure(columns: Terminal.size(stream).columns)
        widths = []
        try Terminal.write(erasure, to: stream)
    }

    /// Returns the control sequence that clears the rows of the lines and moves the cursor to the
    /// first of these rows.
    ///
    /// If the window was narrowed since, the lines may take more rows. Each row is cleared by
    /// itself: when everything below the cursor is cleared at once, some terminals keep the text
    /// among the lines that have scrolled off; and when rows are only written over, some terminals
    /// still treat two rows as one line that was wrapped.
    private func erasure(columns: Int) -> String {
        let rows = widths.reduce(0) { rows, width in
            rows + (Terminal.wrapsAgain ? max(1, (width + columns - 1) / columns) : 1)
        }
        let up = rows > 0 ? "\u{1B}[\(rows)A" : ""
        // With the cursor's own row, where what is typed is shown.
        let clear = Array(repeating: "\u{1B}[2K", count: rows + 1).joined(separator: "\u{1B}[1B")
        return "\r" + up + clear + up
    }
}
