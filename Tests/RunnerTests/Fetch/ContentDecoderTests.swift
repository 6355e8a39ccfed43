import Testing

@testable import Runner

@Suite struct ContentDecoderTests {
    private static let text = "hello, hello, hello, world of many words, words, words\n"
    /// The same text in each coding, made by the reference implementations.
    private static let streams: [(coding: String, hex: String)] = [
        (
            "br",
            "1b3600f88dd462adb137e436f65ddb3b151a8250a300810d38400eb46c303c13d006a0679c941adf10fcae8e03"
        ),
        (
            "zstd",
            "28b52ffd20371d0100c068656c6c6f2c20776f726c64206f66206d616e7964732c0a03002a37c40cbee46204"
        ),
        (
            "gzip",
            "1f8b0800000000000203cb48cdc9c9d751c840a1caf38b725214f2d3147213f32a41bc94621d148a0b009fc3711537000000"
        ),
        (
            "deflate",
            "789ccb48cdc9c9d751c840a1caf38b725214f2d3147213f32a41bc94621d148a0b0021441362"
        ),
        (
            "Deflate",  // without zlib's header
            "cb48cdc9c9d751c840a1caf38b725214f2d3147213f32a41bc94621d148a0b00"
        ),
    ]

    private static func bytes(_ hex: String) -> [UInt8] {
        let digits = Array(hex)
        return stride(from: 0, to: digits.count, by: 2).map {
            UInt8(String(digits[$0...$0 + 1]), radix: 16)!  // holds: the literals above are hex
        }
    }

    /// - Returns: What was decoded, and whether every stream ended; `nil` when it is broken.
    private func decoded(
        _ bytes: [UInt8], _ value: String, inPiecesOf size: Int, upTo most: Int = .max
    ) -> (text: String, hasEnded: Bool)? {
        do throws(ContentDecoder.Broken) {
            let codings = try ContentDecoder.codings(in: Array(value.utf8))
            guard let decoder = ContentDecoder.make(for: codings) else { return nil }
            var output: [UInt8] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                let piece = Array(bytes[start..<min(bytes.count, start + size)])
                var isTaken = true
                try piece.withRawBytes { (piece) throws(ContentDecoder.Broken) in
                    isTaken = try decoder.decode(piece) {
                        output.append(contentsOf: $0)
                        return output.count <= most
                    }
                }
                if !isTaken { break }
            }
            return (String(decoding: output, as: UTF8.self), decoder.hasEnded)
        } catch {
            return nil
        }
    }

    @Test(arguments: streams, [2, 3, 7, 1000])
    func decode_givesTheText_howeverItComes(stream: (coding: String, hex: String), size: Int) {
        let found = decoded(Self.bytes(stream.hex), stream.coding, inPiecesOf: size)
        #expect(found?.text == Self.text && found?.hasEnded == true)
    }

    @Test(arguments: streams)
    func hasEnded_isFalse_whereverAStreamIsCut(stream: (coding: String, hex: String)) {
        let bytes = Self.bytes(stream.hex)
        for length in 1..<bytes.count {
            let found = decoded(Array(bytes[..<length]), stream.coding, inPiecesOf: 1000)
            #expect(found == nil || found?.hasEnded == false, "\(stream.coding) at \(length)")
        }
    }

    @Test func codings_areUndoneInReverse() {
        // zstd(gzip(text)) cannot be made by hand; gzip in deflate's raw form is: a stored block.
        let gzip = Self.bytes(Self.streams[2].hex)
        let length = UInt16(gzip.count)
        let stored: [UInt8] =
            [1, UInt8(length & 255), UInt8(length >> 8), ~UInt8(length & 255), ~UInt8(length >> 8)]
            + gzip
        let found = decoded(stored, "gzip , identity,deflate", inPiecesOf: 5)
        #expect(found?.text == Self.text && found?.hasEnded == true)
    }

    @Test func aGzipOfSeveralMembers_isOne_andWhatFollowsIsIgnored() {
        let gzip = Self.bytes(Self.streams[2].hex)
        // With each of these, at some of the ends another byte of the next member comes apart.
        for size in [1, 2, 3, 7, gzip.count + 1, 1000] {
            let twice = decoded(gzip + gzip, "x-gzip", inPiecesOf: size)
            #expect(twice?.text == Self.text + Self.text && twice?.hasEnded == true)
            let thrice = decoded(gzip + gzip + gzip, "x-gzip", inPiecesOf: size)
            #expect(thrice?.text == Self.text + Self.text + Self.text)
            for behind in [Array("garbage".utf8), [0x1F], [0x1F, 0x1F, 0x8B], [0, 0, 0x1F, 0x8B]] {
                let more = decoded(gzip + behind, "GZIP", inPiecesOf: size)
                #expect(more?.text == Self.text && more?.hasEnded == true, "\(behind)")
            }
        }
    }

    @Test(arguments: ["gzip", "br", "zstd"])
    func garbage_isBroken(coding: String) {
        #expect(decoded(Array(repeating: 0xFE, count: 100), coding, inPiecesOf: 50) == nil)
    }

    @Test(arguments: ["rot13", "gzip, rot13", "gzip,gzip,gzip,gzip,gzip,gzip"])
    func codings_thatAreUnknownOrTooMany_areRefused(value: String) {
        #expect(throws: ContentDecoder.Broken.self) {
            try ContentDecoder.codings(in: Array(value.utf8))
        }
    }

    @Test func codings_areNone_whereNothingIsEncoded() throws {
        for value in ["", " , ", "identity", "Identity,"] {
            #expect(try ContentDecoder.codings(in: Array(value.utf8)) == [])
        }
        #expect(ContentDecoder.make(for: []) == nil)
    }

    @Test func decode_stops_whenWhatItGivesIsNotTaken() {
        let found = decoded(Self.bytes(Self.streams[2].hex), "gzip", inPiecesOf: 4, upTo: 3)
        #expect((found?.text.utf8.count ?? 0) < Self.text.utf8.count)
    }
}
