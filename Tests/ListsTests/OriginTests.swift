import TestSupport
import Testing

@testable import Lists

/// Lists that come from elsewhere than a file.
@Suite struct OriginTests {
    /// An origin that gives some bytes, a few at a time, and then an end or an error.
    private struct Origin: ByteOrigin {
        let name = "elsewhere/x.jsonl"
        var bytes: [UInt8] = []
        var step = 3
        var format: ListFormat?
        var failure: ListError?

        final class Stream: ByteStream {
            let byteCount: Int? = 7
            let format: ListFormat?
            private var origin: Origin

            init(_ origin: Origin) {
                self.origin = origin
                format = origin.format
            }

            func read(into buffer: UnsafeMutableRawBufferPointer) throws(ListError) -> Int {
                let piece = origin.bytes.prefix(min(origin.step, buffer.count))
                if piece.isEmpty, let failure = origin.failure { throw failure }
                buffer.copyBytes(from: piece)
                origin.bytes.removeFirst(piece.count)
                return piece.count
            }
        }

        func open() throws(ListError) -> any ByteStream { Stream(self) }
        func identity() throws(ListError) -> ListIdentity? {
            ListIdentity(name: name, byteCount: 7, version: "\(bytes.count)")
        }
    }

    private let text = (0..<5000).map { "http://h/\($0)" }

    @Test(arguments: [1, 3, 100_000])
    func bytes_becomeRows_compressedOrNot(step: Int) {
        let plain = Array(text.joined(separator: "\n").utf8)
        for bytes in [plain, Streams.gzip(plain), Streams.zstd(plain)] {
            let read = reading(.origin(Origin(bytes: bytes, step: step)), nil)
            #expect(read.short == text && read.code == nil)
        }
    }

    @Test func theOriginTellsTheFormat_unlessTheCallerDoes() throws {
        let origin = Origin(bytes: Array("a,b\n1,2\n".utf8), format: .csv)
        let reader = try ListReader(source: .origin(origin))
        #expect(reader.format == .csv && reader.columns == ["a", "b"] && reader.byteCount == 7)
        #expect(try ListReader(source: .origin(origin), format: .lines).format == .lines)
        #expect(try ListReader(source: .origin(Origin(bytes: [0x3C]))).format == .sitemap)
    }

    @Test func anError_comesBehindTheRows() {
        let error = ListError(.unfetched, "elsewhere/x.jsonl", "is gone")
        let origin = Origin(bytes: Array("a\nb\nc".utf8), failure: error)
        let read = reading(.origin(origin), .lines)
        #expect(read.short == ["a", "b"])
        #expect(read.code == .unfetched && read.message == "elsewhere/x.jsonl is gone")
    }

    @Test func identity_tellsVersionsApart() throws {
        let (one, other) = (Origin(bytes: [1]), Origin(bytes: [1, 2]))
        #expect(try ListSource.origin(one).identity() == ListSource.origin(one).identity())
        #expect(try ListSource.origin(one).identity() != ListSource.origin(other).identity())
    }

    @Test(arguments: [
        ("text/csv", ListFormat.csv), ("Text/CSV; charset=utf-8; header=present", .csv),
        ("text/tab-separated-values", .tsv), ("application/x-ndjson", .jsonl),
        ("application/xml;charset=utf-8", .sitemap), ("text/xml", .sitemap), ("text/plain", nil),
        ("application/gzip", nil), ("", nil),
    ])
    func mediaTypes_tellFormats(type: String, format: ListFormat?) {
        #expect(ListFormat(mediaType: type) == format)
    }
}
