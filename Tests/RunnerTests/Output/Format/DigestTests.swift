import Testing

@testable import Runner

@Suite struct DigestTests {
    private func hex(_ digest: Digest, _ pieces: String...) -> String {
        digest.reset()
        for piece in pieces {
            Array(piece.utf8).withUnsafeBytes { digest.update($0) }
        }
        return digest.finish().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// The examples of FIPS 180-4.
    @Test func digest_isThatOfTheStandard() {
        let sha1 = Digest(.sha1)
        #expect(hex(sha1, "abc") == "a9993e364706816aba3e25717850c26c9cd0d89d")
        #expect(hex(sha1, "") == "da39a3ee5e6b4b0d3255bfef95601890afd80709")
        #expect(hex(sha1, "a", "", "bc") == "a9993e364706816aba3e25717850c26c9cd0d89d")
        let sha256 = Digest(.sha256)
        #expect(
            hex(sha256, "abc")
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(
            hex(sha256, "")
                == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    }

    @Test func digest_isBegunWhenMade() {
        let digest = Digest(.sha1)
        Array("abc".utf8).withUnsafeBytes { digest.update($0) }
        #expect(digest.finish().first == 0xA9)
    }

    /// The examples of RFC 4648 that need no padding.
    @Test(arguments: [("", ""), ("fooba", "MZXW6YTB"), ("foobafooba", "MZXW6YTBMZXW6YTB")])
    func base32_isThatOfTheStandard(_ text: String, base32: String) {
        #expect(Base32.text(Array(text.utf8)) == base32)
    }

    @Test func base32_ofASHA1_isAsWARCWritesIt() {
        // As each WARC file has it for an empty payload.
        #expect(Base32.text(Digest(.sha1).finish()) == "3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ")
    }
}
