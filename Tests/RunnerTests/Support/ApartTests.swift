import Testing

@testable import Runner

@Suite struct ApartTests {
    private struct Holder {
        @Apart var numbers: [Int]?
    }

    @Test func aValue_isSetChangedAndTakenAway() {
        var holder = Holder()
        #expect(holder.numbers == nil)
        holder.numbers?.append(1)
        #expect(holder.numbers == nil)
        holder.numbers = [1]
        holder.numbers?.append(2)
        #expect(holder.numbers == [1, 2])
        holder.numbers = nil
        #expect(holder.numbers == nil)
    }

    @Test func copies_changeByThemselves() {
        var first = Holder()
        first.numbers = [1]
        var second = first
        second.numbers?.append(2)
        first.numbers?.append(3)
        #expect(first.numbers == [1, 3] && second.numbers == [1, 2])
        second = first
        second.numbers = nil
        #expect(first.numbers == [1, 3])
    }

    @Test func itTakesEightBytes() {
        #expect(MemoryLayout<Apart<CrowdControl>>.size == 8)
        #expect(MemoryLayout<Pacing>.size <= 160)
    }
}
