import TestSupport
import Testing

@testable import Runner

@Suite struct BodyFoldersTests {
    private let folder = Folder()
    private let failure = BodyName(batchID: 1, id: 7, failureSHA256: Array(0..<32))
    private let completed = BodyName(batchID: 1, id: 7)

    private func write(
        _ text: String, to output: OutputFolder
    ) -> (Int32) throws(SinkError) -> Void {
        { file throws(SinkError) in
            try Array(text.utf8).withRawBytes { bytes throws(SinkError) in
                try output.write(bytes, to: file, at: 0)
            }
        }
    }

    private func text(_ name: BodyName) -> String {
        String(decoding: contents(of: folder.file(name.path)), as: UTF8.self)
    }

    /// An attempt that a kill ends half-way leaves the body of a record that was marked.
    @Test func aFailuresBody_isThere_untilAnotherIsWhole() throws {
        let output = try OutputFolder(path: folder.path, makes: false)
        var bodies = BodyFolders(in: output)
        try bodies.create(failure, write("marked", to: output))
        #expect(try !bodies.settle())
        var next = BodyFolders(in: output)
        for _ in 0..<2 {
            try next.create(failure, write("other", to: output))
            #expect(text(failure) == "marked")
        }
        #expect(try next.settle())
        #expect(text(failure) == "other")
        #expect(try !next.settle())
    }

    @Test func theBodyOfACompletedJob_leavesThatOfItsFailure() throws {
        let output = try OutputFolder(path: folder.path, makes: false)
        var bodies = BodyFolders(in: output)
        try bodies.create(failure, write("not found", to: output))
        #expect(try !bodies.remove(completed))
        for text in ["unmarked", "ok"] {
            try bodies.create(completed, write(text, to: output))
            #expect(self.text(completed) == text)
        }
        #expect(text(failure) == "not found")
        #expect(try bodies.remove(completed))
        #expect(text(failure) == "not found")
    }
}
