import Testing

@testable import JobStore

@Suite struct SQLiteVersionTests {
    @Test(arguments: [(3_040_001, true), (3_051_002, true), (3_051_003, false), (3_053_000, false)])
    func knownFaults_endWithTheVersionThatCuredThem(number: Int32, isFaulty: Bool) {
        let version = SQLiteVersion(number: number, text: "")
        #expect(version.knownFaults.isEmpty != isFaulty)
    }

    @Test func loaded_isTheOneInUse() {
        let loaded = SQLiteVersion.loaded
        let (major, minor) = (loaded.number / 1_000_000, loaded.number / 1_000 % 1_000)
        #expect(loaded.description.hasPrefix("SQLite \(major).\(minor)."))
    }
}
