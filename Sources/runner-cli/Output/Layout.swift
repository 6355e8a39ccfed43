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

    /// Returns the number of columns that a text takes, without codes for colours. Each scalar is
    /// looked at by itself, as terminals do that join none.
    static func width(_ text: some StringProtocol) -> Int {
        var width = 0
        var isInColour = false
        for scalar in text.unicodeScalars {
            if scalar == "\u{1B}" { isInColour = true }
            if !isInColour { width += Self.width(of: scalar) }
            if scalar == "m" { isInColour = false }
        }
        return width
    }

    /// Fills a text up with blanks to a width.
    static func padded(_ text: String, columns: Int, isRight: Bool = false) -> String {
        let blanks = String(repeating: " ", count: max(0, columns - width(text)))
        return isRight ? blanks + text : text + blanks
    }

    /// Cuts a piece out of the middle of a text that is wider than `columns`: the ends of a name or
    /// an address say most. The text has no codes for colours.
    static func cut(_ text: String, columns: Int) -> String {
        guard width(text) > columns else { return text }
        guard columns > 1 else { return columns == 1 ? "…" : "" }
        let front = prefix(text, columns: columns / 2)
        let back = String(
            prefix(String(text.reversed()), columns: columns - 1 - width(front)).reversed())
        return front + "…" + back
    }

    /// Cuts off the end of a line that is wider than `columns`; codes for colours stay.
    static func clipped(_ line: String, columns: Int) -> String {
        guard width(line) > columns else { return line }
        return prefix(line, columns: max(0, columns - 1)) + (columns > 0 ? "…" : "")
            + (line.contains("\u{1B}") ? "\u{1B}[0m" : "")
    }

    /// The longest beginning of a text that is no wider than `columns`.
    private static func prefix(_ text: String, columns: Int) -> String {
        var shown = String.UnicodeScalarView()
        var room = columns
        var isInColour = false
        for scalar in text.unicodeScalars {
            if scalar == "\u{1B}" { isInColour = true }
            if !isInColour {
                room -= width(of: scalar)
                if room < 0 { break }
            }
            if scalar == "m" { isInColour = false }
            shown.append(scalar)
        }
        return String(shown)
    }

    /// Text of others for a line that is measured: without control characters, and without those
    /// that turn the direction of writing or join others, of which terminals make what they like.
    static func plain(_ text: String) -> String {
        var shown = String.UnicodeScalarView()
        for scalar in Terminal.escaped(text).unicodeScalars {
            switch scalar.properties.generalCategory {
            case .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
                shown.append("\u{FFFD}")
            default:
                switch scalar.value {
                case 0xFE00...0xFE0F: continue
                default: shown.append(scalar)
                }
            }
        }
        return String(shown)
    }

    private static func width(of character: Character) -> Int {
        character.unicodeScalars.reduce(0) { $0 + width(of: $1) }
    }

    /// Returns the columns of a scalar: 2 for characters of East Asia and pictures, none for marks
    /// that stand on others, else 1.
    private static func width(of scalar: Unicode.Scalar) -> Int {
        switch scalar.value {
        case 0..<0x300: 1
        case 0x1100...0x115F, 0x2E80...0x3029, 0x302E...0x303E, 0x3041...0x3098, 0x309B...0xA4CF,
            0xA960...0xA97C, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60,
            0xFFE0...0xFFE6, 0x1F200...0x1F265, 0x20000...0x3FFFD:
            2
        case 0x1160...0x11FF, 0x302A...0x302D, 0x3099...0x309A: 0
        // Halves of flags.
        case 0x1F1E6...0x1F1FF: 1
        case _ where scalar.properties.isEmojiPresentation: 2
        default:
            switch scalar.properties.generalCategory {
            case .nonspacingMark, .enclosingMark, .format: 0
            default: 1
            }
        }
    }
}
