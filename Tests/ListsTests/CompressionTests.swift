import Testing

@testable import Lists

@Suite struct CompressionTests {
    private let file = ListFile()

    enum Kind: String, CaseIterable, Sendable {
        case gzip, zstd, bzip2, xz

        func compressed(_ bytes: [UInt8]) -> [UInt8] {
            switch self {
            case .gzip: Streams.gzip(bytes)
            case .zstd: Streams.zstd(bytes)
            case .bzip2: Streams.bzip2(bytes)
            case .xz: Streams.xz(bytes)
            }
        }

        func compressed(_ text: String) -> [UInt8] { compressed(Array(text.utf8)) }
    }

    private static func lines(_ range: Range<Int>) -> [String] {
        range.map { "https://example.com/\($0)/\($0 &* 2_654_435_761 % 1_000_003)" }
    }

    @Test(arguments: Kind.allCases)
    func compressedListReadsAsItWas(kind: Kind) {
        let lines = Self.lines(0..<200)
        let text = lines.joined(separator: "\n")
        let reading = file.reading(kind.compressed(text), .lines)
        #expect(reading.short == lines)
        #expect(reading.code == nil)
        #expect(reading.position == text.utf8.count)
        file.checkResuming(reading, .lines)
        let csv = file.reading(kind.compressed("a,b\n1,\"2\n3\"\n4,5\n"), .csv)
        #expect(csv.short == ["1|2\n3", "4|5"])
        file.checkResuming(csv, .csv)
    }

    @Test(arguments: Kind.allCases)
    func largeListReadsAsItWas(kind: Kind) {
        let lines = Self.lines(0..<20_000)
        let bytes = kind.compressed(lines.joined(separator: "\r\n"))
        #expect(file.reading(bytes, .lines, sizes: [4096, 256 << 10]).short == lines)
    }

    @Test(arguments: Kind.allCases)
    func streamsBehindEachOther_areOneList(kind: Kind) {
        let none = kind.compressed("")
        #expect(file.reading(none, .lines).short == [])
        #expect(file.reading(none, .lines).code == nil)
        let parts = [kind.compressed("a\nb"), none, kind.compressed("c\n"), kind.compressed("d")]
        #expect(file.reading(Array(parts.joined()), .lines).short == ["a", "bc", "d"])
        #expect(file.reading(none + none + parts[0], .lines).short == ["a", "b"])
    }

    @Test(arguments: Kind.allCases)
    func streamCutAnywhere_isAnErrorBehindItsRows(kind: Kind) {
        let lines = Self.lines(0..<20)
        let first = kind.compressed(lines.joined(separator: "\n") + "\n")
        let whole = first + kind.compressed("z\n")
        // Shorter than what tells its compression, a list is text, or not even that.
        for count in 10..<whole.count where count != first.count {
            let reading = file.reading(Array(whole[..<count]), .lines, sizes: [7, 4096])
            #expect(reading.code == .damaged, "cut to \(count) bytes")
            #expect(reading.message.contains(kind.rawValue), "\(reading.message)")
            #expect((lines + ["z"]).starts(with: reading.short), "cut to \(count) bytes")
            if count > first.count {
                // The lines of the second stream lack their end.
                #expect(reading.short == lines || reading.short == lines + ["z"])
                #expect(reading.message.contains("after \(count) bytes"), "\(reading.message)")
            }
        }
        #expect(file.reading(first, .lines).code == nil)
    }

    @Test func lineThatEndsWithinItsStream_isNoRow() {
        // Stored, so that each byte comes when it was read.
        let stream = Streams.gzip(Array("one\ntwo".utf8), level: 0)
        let reading = file.reading(Array(stream.dropLast(8)), .lines)
        #expect(reading.short == ["one"])
        #expect(reading.code == .damaged)
        #expect(
            reading.message
                == "list ends in the middle of its gzip stream, after \(stream.count - 8) bytes")
    }

    @Test(arguments: Kind.allCases)
    func damagedByte_isAnError(kind: Kind) {
        let lines = Self.lines(0..<20)
        let whole = kind.compressed(lines.joined(separator: "\n") + "\n")
        var damaged = 0
        for index in 10..<whole.count {
            var bytes = whole
            bytes[index] ^= 0x10
            let reading = file.reading(bytes, .lines, sizes: [4096])
            // Some bits, such as those of a header's time, mean nothing.
            if reading.code == nil {
                #expect(reading.short == lines, "byte \(index)")
            } else {
                #expect([.damaged, .tooLarge].contains(reading.code), "byte \(index)")
                damaged += 1
            }
        }
        #expect(damaged > whole.count * 3 / 4)
    }

    @Test(arguments: Kind.allCases)
    func bytesBehindAStream_areAnError(kind: Kind) {
        let stream = kind.compressed("a\nb\n")
        for rest in ["x", "garbage behind it", "\n", "\u{1F}", "\u{1F}x"] {
            let reading = file.reading(stream + Array(rest.utf8), .lines)
            #expect(reading.short == ["a", "b"])
            #expect(reading.code == .damaged, "\(rest)")
        }
    }

    @Test func zerosBehindGzip_arePadding() {
        let stream = Streams.gzip(Array("a\n".utf8))
        for count in [1, 511, 10_000] {
            let zeros = [UInt8](repeating: 0, count: count)
            let reading = file.reading(stream + zeros, .lines)
            #expect(reading.short == ["a"])
            #expect(reading.code == nil)
            #expect(file.reading(stream + zeros + [1], .lines).code == .damaged)
            #expect(file.reading(stream + zeros + stream, .lines).code == .damaged)
        }
    }

    @Test func framesToBeSkipped_areSkipped() {
        let frame = Streams.zstd(Array("a\nb".utf8))
        let skipped = Streams.zstdSkipped(Array(repeating: 7, count: 5000))
        for bytes in [skipped + frame, frame + skipped, skipped + skipped + frame + skipped] {
            let reading = file.reading(bytes, .lines)
            #expect(reading.short == ["a", "b"])
            #expect(reading.code == nil)
        }
        #expect(file.reading(skipped, .lines).code == nil)
        #expect(file.reading(Array(skipped.dropLast()), .lines).code == .damaged)
    }

    @Test func memoryForDecompressingHasABound() {
        let bytes = Array("a\n".utf8)
        #expect(file.reading(Streams.zstd(bytes, windowLog: 27), .lines).short == ["a"])
        #expect(file.reading(Streams.zstd(bytes, windowLog: 28), .lines).code == .tooLarge)
        #expect(file.reading(Streams.xz(bytes, dictionaryBytes: 96 << 20), .lines).short == ["a"])
        #expect(
            file.reading(Streams.xz(bytes, dictionaryBytes: 192 << 20), .lines).code == .tooLarge)
    }

    @Test func textThatBeginsLikeAStream_isText() {
        for text in ["BZh91AY&SX\nb", "BZh9\nx", "(µ/y\nb", "P*M\nb", "B", "7zXZ"] {
            let reading = file.reading(text, .lines)
            #expect(reading.short == text.split(separator: "\n").map(String.init))
            #expect(reading.code == nil)
        }
    }
}
