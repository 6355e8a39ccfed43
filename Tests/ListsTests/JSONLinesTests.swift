import Testing

@testable import Lists

@Suite struct JSONLinesTests {
    private let file = ListFile()

    /// In the order of the columns: url, method, headers, body, key, meta.
    @Test(arguments: [
        (#"{"url":"u"}"#, "u|-|-|-|-|-"), (#" { "url" : "u" } "#, "u|-|-|-|-|-"),
        ("\t{\"url\"\t:\t\"u\"\t}\r", "u|-|-|-|-|-"),
        (#"{"url":""}"#, "|-|-|-|-|-"), (#"{"\u0075rl":"u"}"#, "u|-|-|-|-|-"),
        (#"{"key":"k","url":"u","method":"POST"}"#, "u|POST|-|-|k|-"),
        (#"{"url":"u","key":12}"#, "u|-|-|-|12|-"),
        (#"{"url":"u","key":-1.50e+3}"#, "u|-|-|-|-1.50e+3|-"),
        (
            #"{"url":"u","key":123456789012345678901234567890}"#,
            "u|-|-|-|123456789012345678901234567890|-"
        ),
        (#"{"url":"u","body":"a\nb"}"#, "u|-|-|a\nb|-|-"),
        (#"{"url":"u","body":""}"#, "u|-|-||-|-"),
        (#"{"url":"u","body_base64":"aGk="}"#, "u|-|-|hi|-|-"),
        (#"{"url":"u","body_base64":"aGkh"}"#, "u|-|-|hi!|-|-"),
        (#"{"url":"u","body_base64":"aA=="}"#, "u|-|-|h|-|-"),
        (#"{"url":"u","body_base64":"Pz8\/"}"#, "u|-|-|???|-|-"),
        (#"{"url":"u","body_base64":""}"#, "u|-|-||-|-"),
        (#"{"url":"u","json":{"a": [1, 2]}}"#, #"u|-|-|{"a": [1, 2]}|-|-"#),
        (#"{"url":"u","json": "x" }"#, #"u|-|-|"x"|-|-"#),
        (#"{"url":"u","json":null}"#, "u|-|-|null|-|-"),
        (#"{"url":"u","json": 1.5e3 ,"meta": true }"#, "u|-|-|1.5e3|-|true"),
        (
            #"{"url":"u","meta":{"a":"\u00e9\ud83d\ude00"}}"#,
            #"u|-|-|-|-|{"a":"\u00e9\ud83d\ude00"}"#
        ),
        (#"{"url":"u","meta":[]}"#, "u|-|-|-|-|[]"), (#"{"url":"u","meta":{}}"#, "u|-|-|-|-|{}"),
        (#"{"url":"u","meta":[{"a":[{}]},[[]]]}"#, #"u|-|-|-|-|[{"a":[{}]},[[]]]"#),
        (#"{"url":"u","headers":{}}"#, "u|-||-|-|-"),
        (#"{"url":"u","headers":[]}"#, "u|-||-|-|-"),
        (#"{"url":"u","headers":{"A":"1"}}"#, "u|-|A: 1\n|-|-|-"),
        (
            #"{"url":"u","headers":{"A":["1","2"],"B":[],"a":"3"}}"#,
            "u|-|A: 1\nA: 2\na: 3\n|-|-|-"
        ),
        (#"{"url":"u","headers":[["A","1"],["A","1"]]}"#, "u|-|A: 1\nA: 1\n|-|-|-"),
        (#"{"url":"u","headers": { "A" : [ "1" , "2" ] } }"#, "u|-|A: 1\nA: 2\n|-|-|-"),
        (#"{"url":"u","headers": [ [ "A" , "1" ] ] }"#, "u|-|A: 1\n|-|-|-"),
        (
            #"{"url":"u","headers":{"A":"\u0041\/\"\\\t\u00e9", "B": ""}}"#,
            "u|-|A: A/\"\\\té\nB;\n|-|-|-"
        ),
        (#"{"url":"\u0041\u00e9\u20ac\ud83d\ude00\"\\\/"}"#, "Aé€😀\"\\/|-|-|-|-|-"),
        (#"{"url":"\b\f\n\r\t"}"#, "\u{8}\u{C}\n\r\t|-|-|-|-|-"),
        (#"{"url":"é😀"}"#, "é😀|-|-|-|-|-"),
        (
            #"{"url":"\uFFFF\uD7FF\uE000\uDBFF\uDFFF"}"#,
            "\u{FFFF}\u{D7FF}\u{E000}\u{10FFFF}|-|-|-|-|-"
        ),
        (#"{"url":"a\u0000b"}"#, "a\u{0}b|-|-|-|-|-"),
    ])
    func reads(line: String, expected: String) {
        let reading = file.reading("\(line)\n\n\(line)", .jsonl)
        #expect(reading.short == [expected, expected])
        #expect(reading.entries.map(\.line) == [1, 3])
        #expect(reading.entries[0].isJSONBody == line.contains(#""json""#))
        #expect(reading.columns == ["url", "method", "headers", "body", "key", "meta"])
        file.checkResuming(reading, .jsonl)
    }

    @Test(arguments: [
        ("{}", "missingMember", "no member url"), (#"{"method":"GET"}"#, "missingMember", "url"),
        (#"{"url":"u","Url":"u"}"#, "unknownMember", "Url"),
        (#"{"uri":"u"}"#, "unknownMember", "uri"),
        (#"{"url":"u","":1}"#, "unknownMember", ""),
        (#"{"url":"u","url":"u"}"#, "duplicateMember", "url"),
        (#"{"url":"u","u\u0072l":"u"}"#, "duplicateMember", "url"),
        (#"{"url":"u","headers":{"A":"1","\u0041":"2"}}"#, "duplicateMember", "A"),
        (#"{"url":1}"#, "wrongType", "url of type number"),
        (#"{"url":null}"#, "wrongType", "url of type null"),
        (#"{"url":["u"]}"#, "wrongType", "url of type array"),
        (#"{"url":{}}"#, "wrongType", "url of type object"),
        (#"{"url":"u","method":true}"#, "wrongType", "method of type boolean"),
        (#"{"url":"u","method":null}"#, "wrongType", "method of type null"),
        (#"{"url":"u","body":{}}"#, "wrongType", "body of type object"),
        (#"{"url":"u","body_base64":1}"#, "wrongType", "body_base64 of type number"),
        (
            #"{"url":"u","key":false}"#, "wrongType",
            "key of type boolean, and it must be string or number"
        ),
        (#"{"url":"u","key":[]}"#, "wrongType", "key of type array"),
        (#"{"url":"u","headers":"A: 1"}"#, "wrongType", "headers of type string"),
        (#"{"url":"u","headers":{"A":1}}"#, "wrongType", "header of type number"),
        (#"{"url":"u","headers":{"A":[1]}}"#, "wrongType", "header of type number"),
        (#"{"url":"u","headers":{"A":null}}"#, "wrongType", "header of type null"),
        (#"{"url":"u","headers":["A"]}"#, "wrongType", "header of type string"),
        (#"{"url":"u","headers":[[]]}"#, "wrongType", "pair"),
        (#"{"url":"u","headers":{"A":"a\nb"}}"#, "controlByte", "line break"),
        (#"{"url":"u","headers":{"A b":"c"}}"#, "wrongType", "name"),
        (#"{"url":"u","headers":[["A"]]}"#, "wrongType", "pair"),
        (#"{"url":"u","headers":[["A","1","2"]]}"#, "wrongType", "pair"),
        (#"{"url":"u","headers":[["A",1]]}"#, "wrongType", "header of type number"),
        (#"{"url":"u","headers":[{"A":"1"}]}"#, "wrongType", "type object"),
        (#"{"url":"u","body":"a","json":1}"#, "manyBodies", "body and json"),
        (#"{"url":"u","body":"a","body_base64":""}"#, "manyBodies", "body and body_base64"),
        (#"{"url":"u","json":1,"body_base64":""}"#, "manyBodies", "body_base64 and json"),
        (#"{"url":"u","body_base64":"a"}"#, "invalidBase64", "Base64"),
        (#"{"url":"u","body_base64":"aGk"}"#, "invalidBase64", "Base64"),
        (#"{"url":"u","body_base64":"aG=k"}"#, "invalidBase64", "Base64"),
        (#"{"url":"u","body_base64":"a==="}"#, "invalidBase64", "Base64"),
        (#"{"url":"u","body_base64":"aGl="}"#, "invalidBase64", "Base64"),
        (#"{"url":"u","body_base64":"aB=="}"#, "invalidBase64", "Base64"),
        (#"{"url":"u","body_base64":"-_8="}"#, "invalidBase64", "Base64"),
        (#"{"url":"u","body_base64":"aG k"}"#, "invalidBase64", "Base64"),
        (#"{"url":"u","body_base64":"===="}"#, "invalidBase64", "Base64"),
        (#""u""#, "wrongType", "type string"), ("[]", "wrongType", "type array"),
        ("1", "wrongType", "type number"),
        ("null", "wrongType", "type null"), ("http://a/", "invalidJSON", "column 1"),
        (#"{"url":"u"}{"url":"u"}"#, "invalidJSON", "column 12"),
        (#"{"url":"u"},"#, "invalidJSON", "column 12"),
        (#"{"url":"u",}"#, "invalidJSON", "column 12"),
        (#"{"url":"u""#, "invalidJSON", "column 11"),
        (#"{"url" "u"}"#, "invalidJSON", "column 8: expected :"),
        (#"{url:"u"}"#, "invalidJSON", "column 2"),
        (#"{'url':'u'}"#, "invalidJSON", "column 2"), ("{", "invalidJSON", "column 2"),
        ("}", "invalidJSON", "column 1"),
        (#"{"url":"u" "key":1}"#, "invalidJSON", "column 12"),
        (#"{"url":tru}"#, "invalidJSON", "column 8"),
        (#"{"url":nil}"#, "invalidJSON", "column 8"),
        (#"{"url":"\ud800"}"#, "notUnicode", "column 9"),
        (#"{"url":"\udc00"}"#, "notUnicode", "surrogate"),
        (#"{"url":"\ud800\ud800"}"#, "notUnicode", "surrogate"),
        (#"{"url":"\ud800x"}"#, "notUnicode", "surrogate"),
        (#"{"url":"u","meta":"\ud800"}"#, "notUnicode", "surrogate"),
        (#"{"url":"u","meta":{"\udfff":1}}"#, "notUnicode", "surrogate"),
        ("{\"url\":\"a\tb\"}", "invalidJSON", "control"),
        ("{\"url\":\"a\u{0}\"}", "invalidJSON", "control"),
        ("{\"url\":\"u\"}\u{C}", "invalidJSON", "column 12"),
        ("{\"url\":\u{A0}\"u\"}", "invalidJSON", "column 8"),
        ("# comment", "invalidJSON", "column 1"),
        (#"{"url":"u"} // x"#, "invalidJSON", "column 13"),
    ])
    func rejects(line: String, reason: String, word: String) {
        let reading = file.reading("\(line)\n{\"url\":\"next\"}\n", .jsonl)
        #expect(reading.entries.count == 2)
        #expect(reading.entries[0].reason?.rawValue == reason, "\(reading.entries[0].text)")
        #expect(reading.entries[0].text.contains(word), "\(reading.entries[0].text)")
        #expect(reading.entries[0].excerpt == Array(line.utf8))
        #expect(reading.entries[1].short == "next|-|-|-|-|-")
    }

    @Test func lineThatIsNoUTF8_isRejected() {
        let line = Array(#"{"url":"x"#.utf8) + [0xFF] + Array("\"}\n{\"url\":\"b\"}".utf8)
        #expect(file.reading(line, .jsonl).short == ["!notUnicode@1", "b|-|-|-|-|-"])
        let mark = file.reading("\u{FEFF}{\"url\":\"b\"}", .jsonl)
        #expect(mark.short == ["b|-|-|-|-|-"])
    }

    @Test func longTextsWithEscapes_stayWhole() {
        // Each grows the memory for such texts, if it has to.
        let texts = ["u", "b", "k"].map { String(repeating: "\($0)\\u00e9", count: 5000) }
        let line = "{\"url\":\"\(texts[0])\",\"body\":\"\(texts[1])\",\"key\":\"\(texts[2])\"}"
        let reading = file.reading(Array(line.utf8), .jsonl, sizes: [4096])
        let expected = ["u", "b", "k"].map { String(repeating: "\($0)é", count: 5000) }
        #expect(
            reading.entries.map(\.fields)
                == [[expected[0], nil, nil, expected[1], expected[2], nil]])
    }

    @Test func boundsHold() {
        func line(headers count: Int) -> String {
            let pairs = (0..<count).map { "[\"h\($0)\",\"\"]" }.joined(separator: ",")
            return "{\"url\":\"u\",\"headers\":[\(pairs)]}\n"
        }
        #expect(file.reading(line(headers: 1000), .jsonl).entries[0].reason == nil)
        #expect(file.reading(line(headers: 1001), .jsonl).short == ["!tooLong@1"])
        // A name that counts for each of its values.
        let name = String(repeating: "n", count: 500)
        let values = Array(repeating: "\"\"", count: 100).joined(separator: ",")
        let many = "{\"url\":\"u\",\"headers\":{\"\(name)\":[\(values)]}}\n"
        #expect(file.reading(many, .jsonl, ListOptions(rowBytesMax: 2000)).short == ["!tooLong@1"])
        #expect(file.reading(many, .jsonl).entries[0].reason == nil)
        let long = file.reading(many + "{\"url\":\"b\"}", .jsonl, ListOptions(rowBytesMax: 500))
        #expect(long.short == ["!tooLong@1", "b|-|-|-|-|-"])
    }

    @Test func depthHasABound() {
        for (depth, isGood) in [(510, true), (511, true), (512, false), (100_000, false)] {
            for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
                let inner = open == "[" ? "" : "1"
                let value =
                    String(repeating: open, count: depth) + inner
                    + String(repeating: close, count: depth)
                let line = "{\"url\":\"u\",\"meta\":\(value)}"
                let reading = file.reading(Array(line.utf8), .jsonl, sizes: [4096])
                #expect((reading.entries[0].reason == nil) == isGood, "\(depth)")
            }
        }
    }
}
