import Testing

@testable import Lists

@Suite struct DelimitedTests {
    private let file = ListFile()

    @Test(arguments: [
        ("a\n1\n", ["1"]), ("a,b\n1,2\n", ["1|2"]), ("a,b\r\n1,2\r\n", ["1|2"]),
        ("a,b\n1,2", ["1|2"]), ("a,b\n1,2\r", ["1|2"]), ("a,b\n,\n", ["|"]),
        ("a,b\n1,\n", ["1|"]), ("a,b\n,2\n", ["|2"]), ("a,b,c\n,,\n", ["||"]),
        ("a,b\n\"1\",\"2\"\n", ["1|2"]), ("a,b\n\"1,5\",2\n", ["1,5|2"]),
        ("a,b\n\"1\n2\",3\n", ["1\n2|3"]), ("a,b\n\"1\r\n2\",3\r\n4,5", ["1\r\n2|3", "4|5"]),
        ("a,b\n\"\"\"\",\"\"\n", ["\"|"]), ("a,b\n\"x\"\"y\",\"\"\"z\"\"\"\n", ["x\"y|\"z\""]),
        ("a,b\n\"a\"\"\",\"\"\"b\"", ["a\"|\"b"]), ("a,b\n1\"2,3\"\n", ["1\"2|3\""]),
        ("a,b\n1\"2,3\n4,5\"\n", ["1\"2|3", "4|5\""]), ("a,b\n\"1\",2\"\n3,4", ["1|2\"", "3|4"]),
        ("a,b\n \"1\",2\n", [" \"1\"|2"]), ("a,b\n1, 2 \n", ["1| 2 "]),
        ("a\n\"\"\n", [""]), ("a\n\n\n1\n\r\n2\n\n", ["1", "2"]), ("\n\r\n\na\n1\n", ["1"]),
        ("\u{FEFF}a,b\n1,2\n", ["1|2"]), ("\u{FEFF}\"a\",b\n1,2\n", ["1|2"]),
        ("a,b\n1\n", ["!fieldCount@2"]), ("a,b\n1,2,3\n4,5\n", ["!fieldCount@2", "4|5"]),
        ("a,b\n\"1\"x,2\n3,4\n", ["!textAfterQuote@2", "3|4"]),
        ("a,b\n\"1\" ,2\n3,4\n", ["!textAfterQuote@2", "3|4"]),
        ("a,b\n\"1\"\"\n2\"x,\"3\n4\"\n5,6", ["!textAfterQuote@2", "5|6"]),
        ("a,b\n\"1\"\r2\n3,4\n", ["!textAfterQuote@2", "3|4"]),
        ("a,b\n1,2\n\"3,4\n5,6\n", ["1|2", "!unterminatedQuote@3"]),
        ("a,b\n\"3,\"\"4", ["!unterminatedQuote@2"]), ("a\n\"", ["!unterminatedQuote@2"]),
        ("a\n\"\"\"", ["!unterminatedQuote@2"]), ("a\n\"\n", ["!unterminatedQuote@2"]),
        ("a,b\n1,\u{0}\n3,4", ["!controlByte@2", "3|4"]), ("a,b\n1\t,\u{1}\n", ["1\t|\u{1}"]),
        ("a,b\nx\ry,2\n", ["x\ry|2"]), ("a,b\né,😀\n", ["é|😀"]), ("a,b\n#1,2\n", ["#1|2"]),
        ("a,b\n\"1\n2\n3\",4\n5\n", ["1\n2\n3|4", "!fieldCount@5"]),
        ("a;b\n1;2,5\n", ["1|2,5"]), ("a;b,c\n1,2\n", ["1|2"]),
        ("\"a\";\"b\"\n\"1;1\";2", ["1;1|2"]),
        ("\n\na;b\n1;2\n", ["1|2"]), ("a,b\n1;2\n", ["!fieldCount@2"]),
        ("a\n1,2\n", ["!fieldCount@2"]),
        ("a;b", []), ("a,b\n", []), ("a", []),
    ])
    func readsCSV(text: String, expected: [String]) {
        let reading = file.reading(text, .csv)
        #expect(reading.short == expected)
        #expect(reading.code == nil)
        #expect(reading.position == text.utf8.count || expected.isEmpty || text.hasSuffix("\n"))
        file.checkResuming(reading, .csv)
    }

    @Test(arguments: [
        ("a\tb\n1\t2\n", ["1|2"]), ("a\tb\r\n\t\r\n", ["|"]), ("a\tb\n1,2\t3;4\n", ["1,2|3;4"]),
        ("a;b\n1\n", ["1"]), ("a\tb\n\"1\t2\"\t\"3\n4\"\n", ["1\t2|3\n4"]),
        ("a\tb\n1\n2\t3", ["!fieldCount@2", "2|3"]),
    ])
    func readsTSV(text: String, expected: [String]) {
        let reading = file.reading(text, .tsv)
        #expect(reading.short == expected)
        file.checkResuming(reading, .tsv)
    }

    @Test(arguments: [
        ("", []), ("\n\n", []), ("\u{FEFF}", []), ("a,b", ["a", "b"]),
        (" a ,\tb\n", ["a", "b"]), ("\"a,1\",\"b\"\"2\"\n", ["a,1", "b\"2"]),
        ("été,名前\n", ["été", "名前"]), ("a,A\n", ["a", "A"]),
    ])
    func headerNamesTheColumns(text: String, expected: [String]) {
        let reading = file.reading(text, .csv)
        #expect(reading.columns == expected)
        #expect(reading.code == nil)
        #expect(reading.entries.isEmpty)
    }

    @Test(arguments: [
        ("a,,b\n1,2,3\n", "column 2 no name"), ("a,b,\n", "column 3 no name"),
        (",\n", "column 1 no name"), ("\"\"\n", "column 1 no name"), (" ,a\n", "column 1 no name"),
        ("a,b,a\n", "twice: a"), ("a, a\n", "twice: a"), ("\"a\"x,b\n", "behind a quoted"),
        ("\"a,b\n1,2\n", "not closed"), ("a\rb\rc", "control character"),
        ("a,\"b\nc\"\n", "control character"),
    ])
    func badHeader_isAnError(text: String, word: String) {
        let reading = file.reading(text, .csv)
        #expect(reading.code == .badHeader)
        #expect(reading.message.contains(word), "\(reading.message)")
    }

    @Test func headerThatIsNoUTF8OrTooLong_isAnError() {
        #expect(file.reading([0x61, 0x2C, 0xFF, 0x0A], .csv).code == .badHeader)
        let long = String(repeating: "x", count: 101) + "\n1\n"
        #expect(file.reading(long, .csv, ListOptions(rowBytesMax: 100)).code == .badHeader)
    }

    @Test func rowThatIsNoUTF8_isRejected() {
        let reading = file.reading(Array("a,b\n1,".utf8) + [0xFF, 0x0A] + Array("2,3".utf8), .csv)
        #expect(reading.short == ["!notUnicode@2", "2|3"])
    }

    @Test func separatorMayBeChosen() {
        let options = ListOptions(separator: UInt8(ascii: "|"))
        let reading = file.reading("a|b;c,d\n1|2,3;4\n\"5|6\"|7\n", .csv, options)
        #expect(reading.columns == ["a", "b;c,d"])
        #expect(reading.entries.map(\.fields) == [["1", "2,3;4"], ["5|6", "7"]])
    }

    @Test func tenThousandColumns() {
        let names = (0..<10_000).map { "c\($0)" }
        let values = (0..<10_000).map { "\"v,\"\"\($0)\"" }
        let text = [names, values, names].map { $0.joined(separator: ",") }.joined(separator: "\n")
        let reading = file.reading(Array(text.utf8), .csv, sizes: [997, 1 << 20])
        #expect(reading.columns == names)
        #expect(reading.entries[0].fields == (0..<10_000).map { "v,\"\($0)" })
        #expect(reading.entries[1].fields == names)
        let tooMany = file.reading("a\n" + text, .csv)
        #expect(
            tooMany.entries.map(\.text)
                == Array(repeating: "has 10000 fields, and the header has 1", count: 3))
    }

    @Test func rowOfTooManyBytes_isRejected_andFollowedToItsEnd() {
        let options = ListOptions(rowBytesMax: 20)
        let long = String(repeating: "x", count: 200)
        let reading = file.reading(
            "a,b\n1,\(long)\n2,3\n\"4\n\(long)\n\(long)\",5\n6,7\n1,345678901234567890\r\n"
                + "\"2\",5678901234567890\n\"3\",56789012345678901\n8,\"\(long)\n\n9,10\n", .csv,
            options)
        #expect(
            reading.short == [
                "!tooLong@2", "2|3", "!tooLong@4", "6|7", "1|345678901234567890",
                "2|5678901234567890", "!tooLong@10", "!unterminatedQuote@11",
            ])
        #expect(reading.entries[2].excerpt.prefix(4) == Array("\"4\nx".utf8)[...])
        #expect(reading.entries[7].text.contains("line 14"), "\(reading.entries[7].text)")
        file.checkResuming(reading, .csv, options)
    }

    @Test func rejectionsSayWhy() {
        let reading = file.reading("a,b,c\n1\n\n1,2\n\"x\"y,2,3\n", .csv)
        #expect(
            reading.entries.map(\.text) == [
                "has 1 field, and the header has 3", "has 2 fields, and the header has 3",
                "has text behind a quoted field's end",
            ])
        #expect(reading.entries[2].excerpt == Array("\"x\"y,2,3".utf8))
        #expect(reading.blankLines == 1)
        #expect(file.reading("\n\r\na\n\n1\n", .csv).blankLines == 3)
    }
}
