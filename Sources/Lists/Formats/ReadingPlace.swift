/// The place in a list where its reader stands, and the lines that it left out.
final class ReadingPlace {
    /// The line where the last row began, counted from 1; 0 before the first one.
    var lineNumber = 0
    /// The line where the next row begins, if it is no blank line.
    var nextLineNumber = 1
    /// The number of bytes up to the end of the last row, decompressed.
    var position = 0
    /// Whether the last row ended with the list, not with a line's end.
    var isOpenEnded = false
    var blankLines = 0
    var comments = 0
}
