import JobStore
import TestSupport
import Testing

@testable import Runner

/// A folder and its queue hear of each other one after the other, and a kill may come in between.
@Suite struct FolderClaimTests {
    private let folder = Folder()

    private func open() throws -> OutputFolder {
        try OutputFolder(path: folder.file("out"), makes: true)
    }

    private var options: OutputOptions {
        var options = OutputOptions()
        options.folder = folder.file("out")
        return options
    }

    private func plan(identity: String) throws -> OutputPlan {
        let settings = OutputSettings(
            folder: folder.file("out"), identity: identity, format: "jsonl", rotateBytes: 1 << 20,
            keepsBodies: true, keepsFailures: false)
        return try OutputPlan(
            options,
            found: QueueOutput(settings: settings, files: [], completedBefore: 0),
            at: folder.file("out"))
    }

    @Test func aFolder_thatTheQueueHasHeardOf_isItsOwn() async throws {
        try open().prepareClaim(as: "known")
        let queue = try SQLiteQueue(path: folder.file("runner.db"), access: .create)
        let identity = try await OutputFiles.identity(
            of: options, at: [.only], in: queue)
        #expect(identity == "known")
        var plan = try plan(identity: "known")
        let out = try open()
        try plan.settle(in: out)
        #expect(plan.settings.identityBefore == "known")
        #expect(try out.identity() == "known" && out.draftedIdentity() == nil)
        await queue.close()
    }

    @Test func aFolder_thatTheQueueHasNotHeardOf_isNobodys() throws {
        try open().prepareClaim(as: "unknown")
        var plan = try plan(identity: "another")
        let out = try open()
        try plan.settle(in: out)
        #expect(try plan.settings.identityBefore == "" && out.identity() == nil)
        // Another run's draft is in nobody's way.
        try out.prepareClaim(as: plan.settings.identity)
        try out.claim()
        #expect(try out.identity() == plan.settings.identity)
    }
}
