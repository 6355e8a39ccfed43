import Foundation
import TestSupport
import Testing

@testable import Runner

@Suite struct TextTests {
    @Test func json_escapesWhatMustBe_andNothingElse() {
        var bytes: [UInt8] = []
        bytes.append(json: "a\"b\\c\n\r\t\u{0}\u{1F}\u{7F}é\u{2028}/".utf8)
        #expect(
            String(decoding: bytes, as: UTF8.self)
                == #"a\"b\\c\n\r\t\u0000\u001f"# + "\u{7F}é\u{2028}/")
    }

    @Test(arguments: 0..<20) func json_ofAnyLength_isReadBackAsItWas(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed))
        // Escapes at every place of a word, and at the seams of pieces.
        let length = Int.random(in: 0..<5000, using: &random)
        let rare = Int.random(in: 1...40, using: &random)
        let text = (0..<length).map { _ in
            Int.random(in: 0..<rare, using: &random) == 0
                ? UInt8.random(in: 0..<0x80, using: &random) : UInt8(ascii: "a")
        }
        var bytes = Array("\"".utf8)
        bytes.append(json: text)
        bytes.append("\"")
        let read = try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
        #expect(read as? String == String(decoding: text, as: UTF8.self), "seed \(seed)")
    }

    @Test func jsonLatin1_makesEachByteACharacter() throws {
        var bytes = Array("\"".utf8)
        (0...255).map { UInt8($0) }.withUnsafeBytes { bytes.append(jsonLatin1: $0) }
        bytes.append(UInt8(ascii: "\""))
        let text = try #require(
            try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
                as? String)
        #expect(text.unicodeScalars.map(\.value) == Array(0...255))
    }

    @Test func base64_isFoundations_inPiecesOfAMultipleOfThree() {
        var random = SeededGenerator(seed: testSeed(for: "base64"))
        for length in 0..<100 {
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
            var whole: [UInt8] = []
            bytes.withUnsafeBytes { whole.append(base64: $0) }
            #expect(whole == Array(Data(bytes).base64EncodedData()))
            var pieces: [UInt8] = []
            for start in stride(from: 0, to: length, by: 9) {
                Array(bytes[start..<min(length, start + 9)]).withUnsafeBytes {
                    pieces.append(base64: $0)
                }
            }
            #expect(pieces == whole)
        }
    }

    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000Z"), (1_763_716_177_123_999, "2025-11-21T09:09:37.123Z"),
        (951_782_400_000_000, "2000-02-29T00:00:00.000Z"),
    ])
    func time_isRFC3339_inUTC(micros: Int, text: String) {
        var bytes: [UInt8] = []
        bytes.append(timeMicros: micros)
        #expect(String(decoding: bytes, as: UTF8.self) == text)
    }

    @Test func base32_isThatOfRFC4648() {
        #expect(Base32.text(Array("foobarbaz!".utf8)) == "MZXW6YTBOJRGC6RB")
    }

    /// Every two bytes, and random ones, against the standard library's own decoder.
    @Test func utf8Check_agreesWithTheStandardLibrary() {
        for first in 0...255 {
            for second in 0...255 { expectAgreement([UInt8(first), UInt8(second)]) }
        }
        var random = SeededGenerator(seed: testSeed(for: "utf8Check"))
        let leads: [UInt8] = [0x41, 0x7F, 0xC2, 0xDF, 0xE0, 0xED, 0xEF, 0xF0, 0xF4, 0xF5]
        let tails: [UInt8] = [0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0x41]
        for _ in 0..<20_000 {
            expectAgreement(
                (0..<Int.random(in: 1...12, using: &random)).map { _ in
                    Bool.random(using: &random)
                        ? leads.randomElement(using: &random)!
                        : tails.randomElement(using: &random)!
                })
        }
    }

    private func expectAgreement(_ bytes: [UInt8]) {
        let isValid = String(validating: bytes, as: UTF8.self) != nil
        var whole = UTF8Check()
        bytes.withUnsafeBytes { whole.add($0) }
        var pieces = UTF8Check()
        for byte in bytes { [byte].withUnsafeBytes { pieces.add($0) } }
        if whole.isValid != isValid || pieces.isValid != isValid {
            Issue.record("\(bytes): UTF-8 is \(isValid)")
        }
    }

    @Test func fields_keepOrderAndBytes_andJoinFoldedLines() {
        let head =
            "HTTP/1.1 200 OK\r\nA: 1\r\nempty:\r\nA:  2 \r\nFolded: a\r\n  b\r\n\tc\r\nno colon\r\nLF: x\n"
        let fields = Array(head.utf8).withUnsafeBytes { head in
            HeaderFields(head).map { field in
                var value: [UInt8] = []
                field.forEachPiece { value.append(raw: $0) }
                return String(decoding: field.name, as: UTF8.self) + "="
                    + String(decoding: value, as: UTF8.self)
            }
        }
        #expect(fields == ["A=1", "empty=", "A=2", "Folded=a b c", "no colon=", "LF=x"])
    }
}
