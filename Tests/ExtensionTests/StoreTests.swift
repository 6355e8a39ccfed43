import StoreConformance
import Testing

@Suite struct StoreTests {
    @Test(arguments: StoreCase.all)
    func aStoreInMemory_conforms(_ storeCase: StoreCase) async throws {
        try await storeCase.run { clock in
            let store = MemoryStore { clock.unixMicros }
            return { store.connect() }
        }
    }
}
