/// A course of numbers as blocks of text, a column each. Pure.
enum Sparkline {
    private static let blocks = Array("▁▂▃▄▅▆▇█").map(String.init)

    /// Draws the last numbers, the latest at the right; the highest of them is a full block, and
    /// only 0 and very little are the lowest. Columns before the first number are blank.
    ///
    /// - Parameter numbers: None below 0.
    static func text(_ numbers: [Double], columns: Int) -> String {
        let shown = numbers.suffix(max(0, columns))
        let top = max(shown.max() ?? 0, .leastNonzeroMagnitude)
        let drawn = shown.map { number in
            blocks[min(blocks.count - 1, Int((number / top * Double(blocks.count - 1)).rounded()))]
        }
        return String(repeating: " ", count: max(0, columns - drawn.count)) + drawn.joined()
    }
}
