/// Lays text out in the columns of a terminal.
enum Layout {
    /// Breaks a line at blanks so that no part is wider than `columns`; parts after the first are
    /// indented. A word wider than a line is broken anywhere.
    ///
    /// - Parameter columns: 1 or more.
    static func wrapped(_ line: String, columns: Int) -> [String] {
        var lines: [String] = []
        var rest = line[...]
        var indent = ""
        while width(rest) > columns - indent.count {
            var room = columns - indent.count
            var end = rest.startIndex
            var blank: String.Index?
            // Blanks at the beginning are an indent, no place to break.
            let start = rest.firstIndex { $0 != " " } ?? rest.startIndex
            while end < rest.endIndex, room >= width(of: rest[end]) || end == rest.startIndex {
                room -= width(of: rest[end])
                end = rest.index(after: end)
                if end < rest.endIndex, rest[end] == " ", end > start { blank = end }
            }
            var part = rest[..<(blank ?? end)]
            while part.last == " " { part.removeLast() }
            lines.append(indent + part)
            rest = rest[(blank ?? end)...].drop { $0 == " " }
            if rest.isEmpty { return lines }
            indent = columns < 20 ? "" : "  "
        }
        return lines + [indent + rest]
    }

    /// Puts pieces into lines, as many as fit into each; no piece is broken.
    static func flowed(_ pieces: [String], columns: Int) -> [String] {
        var lines: [String] = []
        for piece in pieces {
            if let last = lines.last, width(last) + 3 + width(piece) <= columns {
                lines[lines.count - 1] = last + "   " + piece
            } else {
                lines.append(piece)
            }
        }
        return lines
    }

    /// Makes one line of as many pieces as fit, the first in any case, and adds the number of
    /// pieces left out.
    static func shortened(_ pieces: [String], columns: Int) -> String {
        let whole = pieces.joined(separator: "   ")
        guard width(whole) > columns, var line = pieces.first else { return whole }
        for (index, piece) in pieces.enumerated().dropFirst() {
            let more = "   +\(pieces.count - index - 1) more"
            guard width(line) + 3 + width(piece) + more.count <= columns else {
                return line + "   +\(pieces.count - index) more"
            }
            line += "   " + piece
        }
        return line
    }

    /// Returns the number of columns that a text takes, without codes for colours.
    static func width(_ text: some StringProtocol) -> Int {
        var width = 0
        var isInColour = false
        for character in text {
            if character == "\u{1B}" { isInColour = true }
            if !isInColour { width += Self.width(of: character) }
            if character == "m" { isInColour = false }
        }
        return width
    }

    /// Returns the columns of a character: 2 for characters of East Asia and pictures, else 1.
    private static func width(of character: Character) -> Int {
        switch character.unicodeScalars.first?.value ?? 0 {
        case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
            0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1FAFF, 0x20000...0x3FFFD:
            2
        default: 1
        }
    }
}
