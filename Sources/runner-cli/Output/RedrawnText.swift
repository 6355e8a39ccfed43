import Glibc

/// Lines that are drawn over their earlier version, where the terminal can do that.
struct RedrawnText {
    private let stream: Int32
    private let isInteractive: Bool
    /// The widths of the lines on the screen; the cursor is below the last line.
    private var widths: [Int] = []
    /// The columns of the screen when the lines were drawn.
    private var columns = 0

    /// Terminals that know these two show at once what is between them; others ignore both.
    private static let (begin, end) = ("\u{1B}[?2026h", "\u{1B}[?2026l")
    private static let clearRest = "\u{1B}[K"

    init(to descriptor: Int32) {
        stream = descriptor
        isInteractive = Terminal.isInteractive(descriptor)
    }

    /// Draws lines of any length, by one write. On a terminal, lines wider than the screen are
    /// broken, and lines beyond its height are left out.
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
        let text = redrawing(Array(fitting), columns: size.columns)
        widths = fitting.map { Layout.width($0) }
        columns = size.columns
        try Terminal.write(Self.begin + text + Self.end, to: stream)
    }

    /// Returns the text that puts lines in the place of those on the screen.
    ///
    /// In a window as wide as before, each row is written over, and what was longer is cleared: no
    /// row is ever blank between two versions.
    private func redrawing(_ lines: [String], columns: Int) -> String {
        guard columns == self.columns else {
            return erasure(columns: columns) + lines.map { $0 + "\n" }.joined()
        }
        let rows = lines.map { $0 + Self.clearRest + "\n" }
        let gone = max(0, widths.count - lines.count)
        // With the cursor's own row, where what is typed is shown.
        let clear = Array(repeating: "\u{1B}[2K", count: gone + 1).joined(separator: "\u{1B}[1B")
        return "\r" + Self.up(widths.count) + rows.joined() + clear + Self.up(gone)
    }

    /// Takes the drawn lines off the screen again.
    mutating func clear() throws(OutputError) {
        guard isInteractive, !widths.isEmpty else { return }
        let erasure = erasure(columns: Terminal.size(stream).columns)
        widths = []
        try Terminal.write(erasure, to: stream)
    }

    /// Forgets the drawn lines, which stay where they are.
    mutating func leave() { widths = [] }

    private static func up(_ rows: Int) -> String { rows > 0 ? "\u{1B}[\(rows)A" : "" }

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
        // With the cursor's own row, where what is typed is shown.
        let clear = Array(repeating: "\u{1B}[2K", count: rows + 1).joined(separator: "\u{1B}[1B")
        return "\r" + Self.up(rows) + clear + Self.up(rows)
    }
}
