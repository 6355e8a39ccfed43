import StoreConformance
import Synchronization
import TestPostgres
import TestSupport
import Testing

@testable import JobStore
@testable import PostgresStore

/// The conformance suite on PostgreSQL, directly and through PgBouncer in transaction mode.
@Suite struct PostgresConformanceTests {
    /// The cases that are left out: queues in PostgreSQL refuse what they ask for.
    private static let leftOut: Set<String> = [
        // Lists that are taken as they come, and those without requests that are there.
        "stream_growsItsBatch_withEachAddition",
        "stream_hasOneProcess_atATime", "stream_isClaimed_whileItGrows",
        "stream_thatDied_isGoneOnWith_behindWhatWasTaken",
        "stream_withAKeyOrNameThatIsTaken_addsNothing", "stream_withoutJobs_isNoBatch",
        "uniqueList_knowsItsHashes_andTheNextListDoes_onceItIsFinished",
        "uniqueList_takesInListsFromBefore_once", "uniqueList_thatIsAbandoned_leavesNoHashes",
        "uniqueList_withAKnownKey_leavesNoHashes", "uniqueList_withoutNewLines_isNoBatch",
        "uniqueLists_areAddedOneAtATime",
    ]

    /// A case whose name has changed would be left out no more, and one that is gone stay in the list.
    @Test func whatIsLeftOut_isThere() {
        #expect(Self.leftOut.isSubset(of: StoreCase.all.map(\.name)))
    }

    private static let cases = StoreCase.all.filter { !leftOut.contains($0.name) }

    @Test(arguments: cases)
    func conformance(_ storeCase: StoreCase) async throws {
        try await storeCase.run { clock in
            let (url, _) = try PostgresServer.shared.makeDatabase()
            return { try PostgresQueue(url: url, access: .create) { clock.unixMicros } }
        }
    }

    @Test(arguments: cases)
    func conformance_byPgBouncer(_ storeCase: StoreCase) async throws {
        try await storeCase.run { clock in
            let (_, url) = try PostgresServer.shared.makeDatabase()
            let pooled = try #require(url)
            return { try PostgresQueue(url: pooled, access: .create) { clock.unixMicros } }
        }
    }
}
