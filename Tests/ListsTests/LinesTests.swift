import Testing

@testable import Lists

@Suite struct LinesTests {
    private let file = ListFile()

    @Test(arguments: [
        ("", []), ("\n", []), ("\n\n\n", []), ("a", ["a"]), ("a\n", ["a"]),
        ("a\nb", ["a", "b"]),
        ("a\r\nb\r\n", ["a", "b"]), ("a\r", ["a"]), ("\r\n\r\na\r\n", ["a"]),
        ("  a\t\n\t b  \n", ["a", "b"]), (" a \r\n", ["a"]), ("   \n\t\na", ["a"]),
        ("#a\nb\n#c", ["b"]), ("a#b\n", ["a#b"]), (" #a\n", ["#a"]), ("#\n##\n", []),
        ("\u{FEFF}a\n", ["a"]), ("\u{FEFF}#a\nb", ["b"]), ("\u{FEFF}", []),
        ("a b\n", ["a b"]), ("a,b;c\"d\n", ["a,b;c\"d"]), ("<a>\n{b}", ["<a>", "{b}"]),
        ("https://é.example/ü?q=日本&e=😀\n", ["https://é.example/ü?q=日本&e=😀"]),
        ("a\u{0}b\nc", ["!controlByte@1", "c"]), ("\u{0}", ["!controlByte@1"]),
        ("a\tb\nc", ["!controlByte@1", "c"]), ("a\rb\nc", ["!controlByte@1", "c"]),
        ("a\r\r\n", ["!controlByte@1"]), ("a\u{1F}\n", ["!controlByte@1"]),
        ("a\u{7F}\n", ["!controlByte@1"]), ("é\u{1}\n", ["!controlByte@1"]),
        ("12345678\u{1}\n", ["!controlByte@1"]), ("\u{1}2345678\n", ["!controlByte@1"]),
        ("1234567\u{7F}90\n", ["!controlByte@1"]), ("~~~~~~~~~\n", ["~~~~~~~~~"]),
        ("a\n\n#x\nb\u{2}\n", ["a", "!controlByte@4"]),
        ("\u{80}\n", ["\u{80}"]), ("\u{FEFF}\u{FEFF}a", ["\u{FEFF}a"]),
    ])
    func reads(text: String, expected: [String]) {
        let reading = file.reading(text, .lines)
        #expect(reading.short == expected)
        #expect(reading.code == nil)
        #expect(reading.columns == [""])
        #expect(reading.position == text.utf8.count)
        file.checkResuming(reading, .lines)
    }

    @Test func leftOutLinesAreCounted() {
        let reading = file.reading("\n#a\n \nb\n#\n\n", .lines)
        #expect(reading.short == ["b"])
        #expect(reading.blankLines == 3)
        #expect(reading.comments == 2)
        #expect(reading.entries[0].line == 4)
    }

    @Test(
        arguments: [
            [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xC2], [0xC2, 0x41], [0xE0, 0x80, 0x80],
            [0xE0, 0x9F, 0xBF], [0xE1, 0x80], [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xEF, 0xBF],
            [0xF0, 0x80, 0x80, 0x80], [0xF0, 0x8F, 0xBF, 0xBF], [0xF4, 0x90, 0x80, 0x80],
            [0xF5, 0x80, 0x80, 0x80], [0xF0, 0x9F, 0x98], [0xFC], [0xBF, 0xBF],
        ] as [[UInt8]])
    func bytesThatAreNoUTF8_areRejected(bytes: [UInt8]) {
        for padding in [0, 3, 8, 20] {
            let around = Array(repeating: UInt8(ascii: "a"), count: padding)
            let reading = file.reading(around + bytes + around + [0x0A, 0x62], .lines)
            #expect(reading.short == ["!notUnicode@1", "b"])
        }
    }

    @Test func utf8IsTakenAsSwiftTakesIt() {
        // Each pair of bytes, and the bounds of the longer forms.
        for first in UInt8(0x20)...0xFF where first != 0x7F {
            for second in stride(from: UInt8(0x21), through: 0xFE, by: 1) where second != 0x7F {
                let bytes = [first, second, 0x41]
                let isUTF8 = bytes.withUnsafeBytes { TextCheck.isUTF8($0) }
                #expect(isUTF8 == (String(validating: bytes, as: UTF8.self) != nil), "\(bytes)")
            }
        }
    }

    @Test func lineOfTooManyBytes_isRejected_andReadPast() {
        let options = ListOptions(rowBytesMax: 10)
        func line(_ count: Int, _ end: String = "\n") -> String {
            String(repeating: "x", count: count) + end
        }
        let reading = file.reading(
            line(10) + line(11) + line(10, "\r\n") + line(11, "\r\n") + line(12) + line(1000)
                + "a\n#" + line(500) + line(11, ""), .lines, options)
        #expect(
            reading.short == [
                line(10, ""), "!tooLong@2", line(10, ""), "!tooLong@4", "!tooLong@5",
                "!tooLong@6", "a", "!tooLong@9",
            ])
        #expect(reading.comments == 1)
        #expect(reading.entries[5].excerpt == Array(repeating: UInt8(ascii: "x"), count: 200))
        file.checkResuming(reading, .lines, options)
    }

    @Test(
        arguments: [
            ([0xFF, 0xFE, 0x61, 0x00], "UTF-16"), ([0xFE, 0xFF, 0x00, 0x61], "UTF-16"),
            ([0x50, 0x4B, 0x03, 0x04, 0x14], "ZIP"), (Array("PAR1".utf8), "Parquet"),
            ([0x04, 0x22, 0x4D, 0x18, 0x00], "lz4"), ([0x1F, 0x9D, 0x90], "compress"),
        ] as [([UInt8], String)])
    func otherFilesThanText_areRefused(bytes: [UInt8], word: String) {
        for format in [ListFormat.lines, .csv, .tsv, .jsonl] {
            let reading = file.reading(bytes, format)
            #expect(reading.code == .encoding)
            #expect(reading.message.contains(word))
        }
    }
}
