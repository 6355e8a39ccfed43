import JobStore
import TestSupport
import Testing

@testable import Runner

@Suite struct OutputPlaceTests {
    private static let places: [(path: String, queue: String?, kept: String)] = [
        ("/data/crawl/responses", "/data/crawl", "/data/crawl/./responses"),
        ("/data/crawl/a/b", "/data/crawl", "/data/crawl/./a/b"),
        ("/data/crawl", "/data/crawl", "/data/crawl/./"),
        ("/data/crawler", "/data/crawl", "/data/crawler"),
        ("/data", "/data/crawl", "/data"), ("/mnt/out", "/data/crawl", "/mnt/out"),
        ("/out", "/", "/./out"), ("/", "/", "/./"), ("/out", nil, "/out"),
    ]

    @Test(arguments: places)
    func theMark_standsWhereTheQueuesFolderEnds(path: String, queue: String?, kept: String) {
        #expect(OutputPlace.kept(path, queueFolder: queue) == kept)
        #expect(OutputPlace.path(kept) == path)
    }

    private let folder = Folder()

    private func settings(_ kept: String) -> OutputSettings {
        var settings = OutputSettings(
            folder: kept, identity: "new", format: "jsonl", rotateBytes: 1, keepsBodies: true,
            keepsFailures: false)
        settings.identityBefore = "old"
        return settings
    }

    private func make(_ name: String, identity: String?) throws {
        let path = folder.file(name)
        _ = try OutputFolder(path: path, makes: true)
        if let identity { write(Array(identity.utf8), to: path + "/.runner") }
    }

    @Test(arguments: ["new\n", "old\n"])
    func theOutput_isBesideTheQueue_whenItSaysSo(identity: String) throws {
        try make("was/data/out", identity: identity)
        try make("is/data/out", identity: identity)
        let place = settings(folder.file("was/./data/out")).place(from: folder.file("is"))
        #expect(place == folder.file("is/data/out"))
        // Without the mark, only where the first is gone.
        let old = settings(folder.file("was/data/out"))
        #expect(old.place(from: folder.file("is")) == folder.file("was/data/out"))
        let gone = settings(folder.file("gone/data/out"))
        #expect(gone.place(from: folder.file("is")) == folder.file("is/data/out"))
        #expect(gone.place(from: folder.file("is/data")) == folder.file("is/data/out"))
    }

    @Test(arguments: [nil, "", "other\n"] as [String?])
    func theOutput_isWhereItWas_whenTheOtherIsNotOurs(identity: String?) throws {
        try make("was/out", identity: "new")
        try make("is/out", identity: identity)
        for kept in ["was/./out", "was/out", "gone/out"] {
            let place = settings(folder.file(kept)).place(from: folder.file("is"))
            #expect(place == OutputPlace.path(folder.file(kept)))
        }
        #expect(settings("/gone/./out").place(from: nil) == "/gone/out")
    }

    /// To be made there, or to be told as missing there.
    @Test func theOutput_isExpectedBesideTheQueue_whenItIsInNeitherPlace() {
        let kept = settings(folder.file("gone/./out"))
        #expect(kept.place(from: folder.path) == folder.file("out"))
        #expect(settings("/gone/./").place(from: folder.path) == folder.path)
    }
}
