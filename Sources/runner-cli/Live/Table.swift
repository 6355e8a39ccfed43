/// Columns of cells that fit a width: where it is narrow, those of least importance are left out,
/// and those that may be are shortened. Pure.
struct Table {
    struct Column {
        let title: String
        let cells: [String]
        var isRight = true
        /// Of columns that do not fit, the one of the highest rank goes first; 0 stays.
        var rank = 0
        /// The width down to which cells may be shortened; `nil` for not at all.
        var widthMin: Int?
        /// The colours of the cells; none where there are fewer.
        var colours: [Ink.Colour?] = []

        fileprivate var widthMax: Int {
            cells.reduce(Layout.width(title)) { max($0, Layout.width($1)) }
        }
        fileprivate var leastWidth: Int { min(widthMin ?? widthMax, widthMax) }
    }

    private let columns: [Column]
    private static let gap = 2

    /// - Parameter columns: With as many cells each.
    init(_ columns: [Column]) { self.columns = columns }

    /// The title and the cells as lines.
    ///
    /// - Parameter width: The columns of the screen that a line may take, 1 or more.
    func lines(width: Int, ink: Ink) -> [String] {
        var shown = columns
        while shown.count > 1, Self.room(shown) > width,
            let rank = shown.map(\.rank).max(), rank > 0,
            let index = shown.lastIndex(where: { $0.rank == rank })
        {
            shown.remove(at: index)
        }
        var extra = max(0, width - Self.room(shown))
        let widths = shown.map { column in
            let more = min(extra, column.widthMax - column.leastWidth)
            extra -= more
            return column.leastWidth + more
        }
        func line(_ cells: [(text: String, colour: Ink.Colour?)]) -> String {
            var line = ""
            for (index, cell) in cells.enumerated() {
                if index > 0 { line += String(repeating: " ", count: Self.gap) }
                let isLast = index == cells.count - 1
                line += Layout.padded(
                    ink(cell.colour, Layout.cut(cell.text, columns: widths[index])),
                    columns: isLast && !shown[index].isRight ? 0 : widths[index],
                    isRight: shown[index].isRight)
            }
            return Layout.clipped(line, columns: width)
        }
        let rows = (shown.first?.cells ?? []).indices.map { row in
            line(
                shown.map {
                    ($0.cells[row], $0.colours.indices.contains(row) ? $0.colours[row] : nil)
                })
        }
        return [line(shown.map { ($0.title, .faint) })] + rows
    }

    private static func room(_ columns: [Column]) -> Int {
        columns.reduce(-gap) { $0 + gap + $1.leastWidth }
    }
}
