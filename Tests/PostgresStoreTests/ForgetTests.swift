import StoreConformance
import TestPostgres
import Testing

@testable import JobStore
@testable import PostgresStore

/// Output folders that are forgotten while answers of the database are lost, or another database takes
/// its place.
@Suite struct ForgetTests {
    private let ok = Outcome(.completed, status: 200)
    private let beat = Heartbeat(requestsPerSecond: 1)

    private func settings(_ identity: String) -> OutputSettings {
        OutputSettings(
            folder: "/data/\(identity)", identity: identity, format: "jsonl", rotateBytes: 1 << 30,
            keepsBodies: true, keepsFailures: false)
    }

    private func finish(_ client: StoreClient) async throws {
        while case let segments = try await client.claim(jobs: 100), !segments.isEmpty {
            let marks = segments.flatMap { segment in
                segment.todo.joined().map {
                    Mark(batchID: 1, position: $0, attempt: 1, outcome: ok)
                }
            }
            try await client.commit(marks, heartbeat: beat)
        }
    }

    /// Ten jobs, completed in the folder "lost".
    private func completed() async throws -> (url: String, StoreClient, Site) {
        let url = try PostgresServer.shared.makeDatabase().url
        let client = StoreClient(to: try PostgresQueue(url: url, access: .create))
        _ = try await client.enqueue(
            JobRange(first: 0, count: 10), request: try RequestTemplate(parsing: "http://a/{id}"))
        try await client.attach(RunnerDescription(pid: 1, workers: 1))
        let site = client.lease.attachment.site
        try await client.keepOutput(settings("lost"), [])
        try await finish(client)
        try await client.detach()
        return (url, client, site)
    }

    /// A call whose answer was lost is made again: the jobs that it put back may be completed by then,
    /// with records elsewhere.
    @Test func aTransactionThatIsRepeated_putsNothingBackTwice() async throws {
        let (url, client, site) = try await completed()
        let call = try await client.queue.beginForgetting([site])
        try await client.queue.putBack([0..<4], of: 1, lostWith: call)
        let other = StoreClient(to: try PostgresQueue(url: url, access: .write))
        try await other.attach(RunnerDescription(pid: 2, workers: 1))
        try await other.keepOutput(settings("new"), [])
        try await finish(other)
        #expect(try await other.counts().completed == 10)
        // As one that has not heard of what it did.
        let deaf = try PostgresQueue(url: url, access: .write)
        try await deaf.putBack([0..<4], of: 1, lostWith: call)
        #expect(try await other.counts().completed == 10)
        // What comes after is done.
        try await deaf.putBack([4..<10], of: 1, lostWith: call)
        #expect(try await other.counts().available == 6)
        try await deaf.endForgetting(call)
        #expect(try await other.verify() == [])
        try await other.detach()
        await deaf.close()
        await other.close()
        await client.close()
    }

    /// A standby that was behind takes the database's place: it does not know all that was put back.
    @Test func aDatabaseThatIsBehind_endsTheCall() async throws {
        let (_, client, site) = try await completed()
        let call = try await client.queue.beginForgetting([site])
        try await client.queue.putBack([0..<4], of: 1, lostWith: call)
        let behind = try await client.queue.setting(SiteForgetting.name)
        try await client.queue.putBack([4..<7], of: 1, lostWith: call)
        try await client.queue.keep(behind, as: SiteForgetting.name)
        for body in [
            { try await client.queue.putBack([7..<10], of: 1, lostWith: call) },
            { try await client.queue.endForgetting(call) },
        ] as [() async throws -> Void] {
            let error = await #expect(throws: QueueError.self) { try await body() }
            #expect(error?.code == .inUse, "\(String(describing: error))")
        }
        #expect(try await client.queue.output(of: site).settings != nil)
        let next = try await client.queue.beginForgetting([site])
        try await client.queue.putBack([0..<10], of: 1, lostWith: next)
        try await client.queue.endForgetting(next)
        #expect(try await client.counts().available == 10)
        await client.close()
    }

    /// The number of a site that was forgotten is no other's.
    @Test func aForgottenNumber_isNotUsedAgain() async throws {
        let (_, client, site) = try await completed()
        let call = try await client.queue.beginForgetting([site])
        try await client.queue.putBack([0..<10], of: 1, lostWith: call)
        try await client.queue.endForgetting(call)
        try await client.attach(RunnerDescription(pid: 2, workers: 1))
        #expect(client.lease.attachment.site != site)
        try await client.detach()
        await client.close()
    }

    /// Jobs that a run without an output has completed have no record, and look like lost ones.
    @Test func aRunWithoutAnOutput_keepsSitesFromBeingForgotten() async throws {
        let (url, client, site) = try await completed()
        let other = StoreClient(to: try PostgresQueue(url: url, access: .write))
        try await client.attach(
            RunnerDescription(pid: 1, workers: 1, siteIdentity: "lost"))
        _ = try await client.enqueue(
            JobRange(first: 0, count: 5), request: try RequestTemplate(parsing: "http://b/{id}"))
        try await other.attach(RunnerDescription(pid: 2, workers: 1))
        try await client.detach()
        var error = await #expect(throws: QueueError.self) {
            _ = try await client.queue.beginForgetting([site])
        }
        #expect(error?.code == .inUse, "\(String(describing: error))")
        let segments = try await other.claim(jobs: 100)
        let marks = segments.flatMap { segment in
            segment.todo.joined().map {
                Mark(batchID: segment.batch.id, position: $0, attempt: 1, outcome: ok)
            }
        }
        #expect(marks.count == 5)
        try await other.commit(marks, heartbeat: beat)
        try await other.detach()
        error = await #expect(throws: QueueError.self) {
            _ = try await client.queue.beginForgetting([site])
        }
        #expect(error?.code == .forgotten, "\(String(describing: error))")
        #expect(try await client.counts().completed == 15)
        await other.close()
        await client.close()
    }
}
