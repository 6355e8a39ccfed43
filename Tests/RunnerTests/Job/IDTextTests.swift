import JobStore
import Testing

@testable import Runner

extension IDText {
    /// - Parameter parts: The pieces before, between and after the ID.
    init(_ parts: [[UInt8]]) {
        self.init(TextTemplate(Array(parts.joined(separator: "{}".utf8)), names: [""]))
    }
}

@Suite struct IDTextTests {
    @Test(arguments: [
        ["a/", ""], ["", "b"], ["", ""], ["x", "y", "z"], ["ü/", "/", "/ü"], ["no ID in it"],
    ])
    func write_putsTheIDBetweenThePieces(parts: [String]) {
        let text = IDText(parts.map { Array($0.utf8) })
        for id in [0, 7, 10, 99, 100, 1_234_567_890, .max - 1, .max] {
            #expect(written(text, id) == parts.joined(separator: String(id)))
        }
    }

    @Test(arguments: [(7, "a0007-7"), (12_345, "a12345-12345"), (0, "a0000-0")])
    func write_putsZerosInFront(id: Int, expected: String) {
        let text = IDText(TextTemplate("a{id:04}-{id}".utf8, names: ["id"]))
        #expect(written(text, id) == expected)
        var appended: [UInt8] = []
        text.append(id, to: &appended)
        #expect(String(decoding: appended, as: UTF8.self) == expected)
    }

    @Test func write_needsNoMoreThanCapacity() {
        let text = IDText([Array("http://h/".utf8), Array("?n=".utf8), []])
        #expect(text.capacity >= "http://h/\(Int.max)?n=\(Int.max)".utf8.count + 1)
        #expect(text.capacity < 100)
    }

    /// Written to a buffer of just the capacity, among bytes that are left alone.
    private func written(_ text: IDText, _ id: Int) -> String {
        let bytes = UnsafeMutableBufferPointer<CChar>.allocate(capacity: text.capacity + 8)
        defer { bytes.deallocate() }
        bytes.initialize(repeating: 0x7F)
        text.write(id, to: UnsafeMutableBufferPointer(rebasing: bytes[..<text.capacity]))
        #expect(bytes[text.capacity...].allSatisfy { $0 == 0x7F })
        return String(cString: bytes.baseAddress!)
    }
}
