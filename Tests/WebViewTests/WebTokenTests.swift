import Testing

@testable import WebView

@Suite struct WebTokenTests {
    @Test func tokens_have128Bits_andAreNeverTheSame() {
        let tokens = (0..<100).map { _ in WebToken().text }
        #expect(Set(tokens).count == 100)
        #expect(tokens.allSatisfy { $0.count == 32 && $0.allSatisfy(\.isHexDigit) })
        // No digit is the same in all.
        let same = (0..<32).filter { place in Set(tokens.map { Array($0)[place] }).count == 1 }
        #expect(same.isEmpty)
    }

    @Test(arguments: [
        "", "short", "fifteen-letters", "a b c d e f g h i j", "ünïcödeünïcödeünïcöde",
        "semicolon;semicolon", "line\nline-line-line-line", String(repeating: "a", count: 257),
    ])
    func otherTexts_areNoTokens(_ text: String) { #expect(WebToken(text) == nil) }

    @Test func aToken_matchesItselfAlone() throws {
        let token = try #require(WebToken("0123456789abcdef"))
        #expect(token.matches("0123456789abcdef"))
        for other in ["", "0", "0123456789abcdeg", "1123456789abcdef", "0123456789abcdef0"] {
            #expect(!token.matches(other), "\(other)")
        }
    }
}
