import Testing

@testable import Runner

@Suite struct AddressBookTests {
    private let found = NameAnswer.addresses("1.2.3.4")

    @Test(arguments: [(0, 999, 1001), (5, 4999, 5001), (1_000_000, 3_599_999, 3_600_001)])
    func anAddress_countsAsLongAsItsRecordSays_withinBounds(ttl: Int, before: Int, after: Int) {
        var book = AddressBook()
        book.keep(found, ttlSeconds: ttl, for: "a", at: .at(ms: 0))
        #expect(book.answer(for: "a", at: .at(ms: before)) == found)
        #expect(book.answer(for: "a", at: .at(ms: after)) == nil)
    }

    @Test func whatIsNoAddress_countsForLess() {
        var book = AddressBook()
        book.keep(.noSuchName, ttlSeconds: 1_000_000, for: "no", at: .at(ms: 0))
        book.keep(.trouble("x"), ttlSeconds: 1_000_000, for: "bad", at: .at(ms: 0))
        #expect(book.answer(for: "no", at: .at(ms: 9_999)) == .noSuchName)
        #expect(book.answer(for: "no", at: .at(ms: 10_001)) == nil)
        #expect(book.answer(for: "bad", at: .at(ms: 99)) == .trouble("x"))
        #expect(book.answer(for: "bad", at: .at(ms: 101)) == nil)
    }

    @Test func aNewAnswer_replacesTheOldOne() {
        var book = AddressBook()
        book.keep(found, ttlSeconds: 60, for: "a", at: .at(ms: 0))
        book.keep(.addresses("5.6.7.8"), ttlSeconds: 60, for: "a", at: .at(ms: 1))
        #expect(book.answer(for: "a", at: .at(ms: 2)) == .addresses("5.6.7.8"))
    }

    @Test func names_areBounded_andThoseAskedForStay() {
        var book = AddressBook(limits: .init(names: 10))
        for number in 0..<1000 {
            book.keep(found, ttlSeconds: 60, for: "n\(number)", at: .at(ms: 0))
            book.keep(found, ttlSeconds: 60, for: "busy", at: .at(ms: 0))
            #expect(book.answer(for: "busy", at: .at(ms: 0)) == found)
            #expect(book.count <= 20)
        }
        #expect(book.answer(for: "n0", at: .at(ms: 0)) == nil)
        #expect(book.answer(for: "n999", at: .at(ms: 0)) == found)
    }

    @Test(arguments: [
        ("localhost", true), ("a.localhost", true), ("localhost.", true),
        ("localhost.example", false),
    ])
    func thisMachine_isNeverLookedUp(name: String, isLocal: Bool) {
        #expect((NameAnswer.local(name) != nil) == isLocal)
    }
}

/// A source that answers when told to.
private final class SampleSource: NameSource {
    var asked: [(name: String, told: (NameAnswer, Int) -> Void)] = []
    let deadlineMicros = Int.max
    func ask(_ name: String, told: @escaping (NameAnswer, Int) -> Void) {
        asked.append((name, told))
    }
    func tick(at now: Now) {}
    func close() {}
}

private final class SampleClient: NameClient {
    var answers: [NameAnswer] = []
    func nameWasAnswered(_ answer: NameAnswer) { answers.append(answer) }
}

@Suite struct NameResolverTests {
    private let source = SampleSource()
    private let clients = (0..<3).map { _ in SampleClient() }

    private func resolver() -> NameResolver { NameResolver(source) { .at(ms: 0) } }

    @Test func aNameIsAskedForOnce_howeverManyWait() {
        let resolver = resolver()
        for client in clients { resolver.ask("a", for: client) }
        #expect(source.asked.count == 1 && !resolver.hasAnswers)
        source.asked[0].told(.addresses("1.2.3.4"), 60)
        #expect(clients.allSatisfy { $0.answers.isEmpty }, "told within the source's own work")
        resolver.handOn()
        #expect(clients.allSatisfy { $0.answers == [.addresses("1.2.3.4")] })
        #expect(resolver.answer(for: "a") == .addresses("1.2.3.4"))
    }

    @Test func thousandsWhoWaitForOneName_areForgottenOneByOne_inNoTime() {
        let resolver = resolver()
        let clients = (0..<20_000).map { _ in SampleClient() }
        for client in clients { resolver.ask("a", for: client) }
        let started = ContinuousClock.now
        for client in clients { resolver.forget(client, askingFor: "a") }
        #expect(ContinuousClock.now - started < .seconds(1))
        source.asked[0].told(.addresses("1.2.3.4"), 60)
        resolver.handOn()
        #expect(clients.allSatisfy { $0.answers.isEmpty })
    }

    @Test func whoIsForgotten_isToldNothing_andItsLookupGoesOnForOthers() {
        let resolver = resolver()
        resolver.ask("a", for: clients[0])
        resolver.forget(clients[0], askingFor: "a")
        resolver.ask("a", for: clients[1])
        #expect(source.asked.count == 1)
        source.asked[0].told(.noSuchName, 0)
        resolver.handOn()
        #expect(clients[0].answers == [] && clients[1].answers == [.noSuchName])
        resolver.ask("b", for: clients[2])
        #expect(source.asked.map(\.name) == ["a", "b"])
    }
}
