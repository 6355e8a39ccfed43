import TestSupport
import Testing

@testable import Lists

/// Lists of rows drawn at random, written here and read back.
@Suite struct RandomListsTests {
    private let file = ListFile()
    private let rounds = 40

    private struct Drawing {
        var generator: SeededGenerator

        mutating func number(below bound: Int) -> Int {
            Int.random(in: 0..<bound, using: &generator)
        }

        /// Text of letters and those that have a meaning in some format.
        mutating func text(of letters: [String], countMax: Int) -> String {
            (0..<number(below: countMax + 1)).map { _ in letters[number(below: letters.count)] }
                .joined()
        }

        mutating func one(of words: [String]) -> String { words[number(below: words.count)] }
    }

    @Test func csvReadsBack() {
        var drawing = Drawing(generator: SeededGenerator(seed: testSeed(for: "csvReadsBack")))
        let letters = ["a", "b", ",", "\"", "\n", "\r", "\r\n", ";", "\t", " ", "é", "😀", "#"]
        for _ in 0..<rounds {
            let separator = drawing.one(of: [",", ";", "\t", "|"])
            let columns = 1 + drawing.number(below: 5)
            var expected: [[String]] = []
            var text = (0..<columns).map { "c\($0)" }.joined(separator: separator) + "\n"
            for _ in 0..<drawing.number(below: 12) {
                let fields = (0..<columns).map { _ in drawing.text(of: letters, countMax: 9) }
                expected.append(fields)
                let written = fields.map { field in
                    let mustQuote =
                        field.contains { "\"\n\r".contains($0) || $0 == "\r\n" }
                        || field.contains(separator) || columns == 1 && field.isEmpty
                    guard mustQuote || drawing.number(below: 2) == 0 else { return field }
                    let doubled = field.unicodeScalars.map { $0 == "\"" ? "\"\"" : String($0) }
                    return "\"" + doubled.joined() + "\""
                }
                text += written.joined(separator: separator) + drawing.one(of: ["\n", "\r\n"])
            }
            let options = ListOptions(separator: separator.utf8.first)
            let reading = file.reading(text, .csv, options)
            #expect(
                reading.entries.map { $0.fields.map { Array(($0 ?? "-").utf8) } }
                    == expected.map { $0.map { Array($0.utf8) } }, "\(text.debugDescription)")
            #expect(reading.code == nil)
            file.checkResuming(reading, .csv, options)
        }
    }

    @Test func linesReadBack() {
        var drawing = Drawing(generator: SeededGenerator(seed: testSeed(for: "linesReadBack")))
        let letters = ["a", "b", "/", "#", " ", "é", "😀", ",", "abcdefgh"]
        for _ in 0..<rounds {
            var text = drawing.one(of: ["", "\u{FEFF}"])
            var expected: [String] = []
            var (blank, comments) = (0, 0)
            for _ in 0..<drawing.number(below: 30) {
                let line = drawing.text(of: letters, countMax: 12)
                text += line + drawing.one(of: ["\n", "\r\n"])
                let value = line.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()
                if line.hasPrefix("#") {
                    comments += 1
                } else if value.isEmpty {
                    blank += 1
                } else {
                    expected.append(String(value))
                }
            }
            let reading = file.reading(text, .lines)
            #expect(reading.short == expected, "\(text.debugDescription)")
            #expect(reading.blankLines == blank)
            #expect(reading.comments == comments)
            file.checkResuming(reading, .lines)
        }
    }

    @Test func jsonReadsBack() {
        var drawing = Drawing(generator: SeededGenerator(seed: testSeed(for: "jsonReadsBack")))
        let letters = [
            "a", "b", "\"", "\\", "/", "\n", "\u{0}", "\u{1F}", "é", "😀", "\u{FFFF}", "abcdefgh",
        ]
        for _ in 0..<rounds {
            var text = ""
            var expected: [[String?]] = []
            for _ in 0..<drawing.number(below: 12) {
                let values = ["url", "method", "body", "key"].map { name in
                    (name, drawing.text(of: letters, countMax: 10))
                }
                .filter { name, _ in name == "url" || drawing.number(below: 2) == 0 }
                .shuffled(using: &drawing.generator)
                let members = values.map { name, value in
                    string(name, &drawing) + drawing.one(of: [":", " : "]) + string(value, &drawing)
                }
                text += "{" + members.joined(separator: drawing.one(of: [",", " ,\t"])) + "}\n"
                let byName = Dictionary(uniqueKeysWithValues: values)
                expected.append(
                    ["url", "method", "headers", "body", "key", "meta"].map { byName[$0] })
            }
            let reading = file.reading(text, .jsonl)
            #expect(reading.entries.map(\.fields) == expected, "\(text.debugDescription)")
            file.checkResuming(reading, .jsonl)
        }
    }

    /// A JSON string, some of whose characters are escaped though they need not be.
    private func string(_ text: String, _ drawing: inout Drawing) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            let mustEscape = scalar.value < 0x20 || scalar == "\"" || scalar == "\\"
            guard mustEscape || drawing.number(below: 4) == 0 else {
                result.unicodeScalars.append(scalar)
                continue
            }
            for unit in String(scalar).utf16 {
                let digits = String(unit, radix: 16, uppercase: drawing.number(below: 2) == 0)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
        }
        return result + "\""
    }

    @Test func anyBytesEndWell() {
        var drawing = Drawing(generator: SeededGenerator(seed: testSeed(for: "anyBytesEndWell")))
        let pieces: [[UInt8]] = [
            Array("{\"url\":\"".utf8), Array("\"}\n".utf8), Array("\"".utf8), Array(",".utf8),
            [0x0A],
            [0x0D], Array("\\u".utf8), Array("d83d".utf8), [0xFF], [0xC3], [0xA9], [0],
            Array("<url>".utf8),
            Array("<urlset>".utf8), Array("</loc></url>".utf8), Array("[".utf8), Array("a".utf8),
            Array("<loc>".utf8), [0xEF, 0xBB, 0xBF],
        ]
        for _ in 0..<300 {
            let bytes = (0..<drawing.number(below: 40)).flatMap { _ in
                pieces[drawing.number(below: pieces.count)]
            }
            for format in ListFormat.allCases {
                let options = ListOptions(rowBytesMax: 1 + drawing.number(below: 60))
                let reading = file.reading(bytes, format, options, sizes: [1, 5, 4096])
                // Rows follow each other, and none is given twice.
                let positions = reading.entries.map(\.position)
                #expect(zip(positions, positions.dropFirst()).allSatisfy { $0 < $1 })
                if format != .sitemap { file.checkResuming(reading, format, options) }
            }
        }
    }
}
