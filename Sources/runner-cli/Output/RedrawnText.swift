import Glibc

/// Lines that are drawn over what they were before, where the terminal can do that.
struct RedrawnText {
    private let stream: Int32
    private let isInteractive: Bool
    /// How wide the lines on the screen are; the cursor is below the last.
    private var widths: [Int] = []

    init(to descriptor: Int32) {
        stream = descriptor
        isInteractive = Terminal.isInteractive(descriptor)
    }

    /// Draws lines of any length: on a terminal they are broken where its width asks for it, and
    /// those that are more than its height are left out.
    ///
    /// - Parameter lines: Made for the size the terminal has now; `nil` where there is none.
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

    /// Takes what was drawn off the screen again.
    mutating func clear() throws(OutputError) {
        guard isInteractive, !widths.isEmpty else { return }
        let erasure = erasure(columns: Terminal.size(stream).columns)
        widths = []
        try Terminal.write(erasure, to: stream)
    }

    /// Clears the rows that the lines take, and moves to the first of them.
    ///
    /// A window that was narrowed since may have made more of them. Each is cleared by itself: when
    /// all below the cursor is, at once, some terminals keep it among what has scrolled off; and when
    /// rows are only written over, some still take two of them for one line that was wrapped.
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
