import Glibc
import JobStore
import Synchronization
import Testing

@testable import Runner

/// Processes that end, hang, or write what is no answer, at job 5 of many.
@Suite(.timeLimit(.minutes(2))) struct HostileHandlerTests {
    private let bench: HandlerBench

    init() throws { bench = try HandlerBench() }

    @Test func process_thatEndsOnce_costsNothing() async throws {
        let handler = try bench.handler(
            #"while next; do if [ $id = 5 ] && mkdir "$F/once" 2>&-; then exit 1; fi; answer; done"#,
            processes: 2)
        for (id, result) in try await bench.results(of: handler, 0..<40) {
            #expect(try result.get().records == Array("\(id)".utf8))
        }
        await handler.close()
        #expect(bench.starts <= 3)
    }

    @Test func process_thatEndsAfterEachAnswer_goesOn() async throws {
        let handler = try bench.handler("next; answer", processes: 2)
        for (id, result) in try await bench.results(of: handler, 0..<20) {
            #expect(try result.get().records == Array("\(id)".utf8))
        }
        await handler.close()
    }

    /// The conduct at job 5, and what the error says of it.
    @Test(arguments: [
        ("echo cannot do this >&2; exit 3", "ended with exit status 3; its last words: cannot do"),
        ("kill -9 $$", "was ended by signal 9"),
        ("sleep 1000 & exit 4", "ended with exit status 4"),
        ("echo hello", "wrote a line that is no JSON at column 1: expected a value: hello"),
        ("echo '[]'", "expected an object: []"),
        ("echo '{\"id\":5}'", "wrote a line that has no member request that is a whole number"),
        ("echo '{\"request\":1.5}'", "has no member request that is a whole number"),
        ("echo '{\"request\":99999}'", "answered request 99999, which it was not given"),
        ("echo '{\"request\":'$n'}'x", "expected nothing more"),
        (
            "printf '{\"request\":%d,\"records\":[\"\\000\"]}\\n' $n",
            "a control character in a string"
        ),
        (
            "printf '{\"request\":%d,\"records\":[\"\\377\"]}\\n' $n",
            "wrote a line that is not UTF-8"
        ),
        ("head -c 2000 /dev/zero | tr '\\0' x; echo", "wrote a line of more than 1000 bytes: xxx"),
        ("yes | tr -d '\\n'", "wrote a line of more than 1000 bytes: yyy"),
        ("exec <&-; sleep 1000", "closed its input"),
        ("exec >&-; sleep 1000", "closed its output"),
        ("sleep 1000", "did not answer within 2.0 seconds"),
    ])
    func responseThatDoesHarm_failsAlone(conduct: String, words: String) async throws {
        let handler = try bench.handler(
            "while next; do if [ $id = 5 ]; then \(conduct); fi; answer; done", processes: 2
        ) {
            $0.answerBytesMax = 1000
            $0.answerTimeLimit = .seconds(2)
        }
        let error = try await bench.failure(of: 5, among: 0..<40, handler)
        #expect(error.description.contains(words), "\(error)")
        #expect(error.description.hasPrefix("handler "), "\(error)")
        // Both of the start, one after it has ended amid others, and one after it did alone.
        #expect(bench.starts <= 4)
    }

    /// The answer to job 5 is no answer, but says which response it is for.
    @Test(arguments: [
        (#""verdict":"oops""#, "has a verdict that is none of"),
        (#""verdict":{"retry_after":-1}"#, "has a verdict that is none of"),
        (#""records":{}"#, "has records of type object, and it must be array"),
        (#""record":[1]"#, "has a member that is not known: record"),
        (#""id":1,"id":2"#, "has the member id twice"),
        (#""follow":["/a",{"method":"GET"}]"#, "number 2, that has no member url"),
    ])
    func answerThatIsNone_costsNoProcess(members: String, words: String) async throws {
        let handler = try bench.handler(
            #"""
            while next; do
                if [ $id = 5 ]; then echo '{"request":'$n',\#(members)}'; else answer; fi
            done
            """#)
        let error = try await bench.failure(of: 5, among: 0..<40, handler)
        #expect(error.description.contains(words), "\(error)")
        #expect(bench.starts == 1)
    }

    @Test func answerThatComesTwice_costsTheProcessAlone() async throws {
        let handler = try bench.handler(
            "while next; do if [ $id = 5 ]; then answer; fi; answer; done")
        for (id, result) in try await bench.results(of: handler, 0..<40) {
            #expect(try result.get().records == Array("\(id)".utf8))
        }
        await handler.close()
        let told = bench.told.withLock { $0 }
        #expect(told.contains { $0.contains("which it was not given or has answered") }, "\(told)")
    }

    @Test(arguments: [
        ("no-such-command --at all", "ended with exit status 127; its last words: "),
        ("for", "ended with exit status 2; its last words: "),
        ("exit 0", "ended with exit status 0"),
        (
            "echo Welcome; sleep 1000",
            "wrote a line that is no JSON at column 1: expected a value: Welcome"
        ),
        (
            "while next; do echo what >&2; exit 1; done",
            "ended with exit status 1; its last words: what"
        ),
        ("exec sleep 1000", "did not answer within 0.2 seconds"),
    ])
    func processesThatNeverAnswer_endTheRun(script: String, words: String) async throws {
        let handler = try bench.handler(script) {
            $0.answerTimeLimit = .milliseconds(200)
            $0.pause = .milliseconds(1)
        }
        var isEnd = false
        for result in try await bench.results(of: handler, 0..<40).values {
            guard case .failure(let error as HandlerError) = result else {
                Issue.record("handled by what does not")
                continue
            }
            guard error.effect == .run else { continue }
            isEnd = true
            #expect(
                error.description.hasPrefix(
                    "no process of the handler answers; the last one: handler 1 ("))
            #expect(error.description.contains(words), "\(error)")
        }
        #expect(isEnd)
        #expect(bench.starts <= 10)
        let record = try bench.record(1)
        await #expect(throws: HandlerError.self) { try await handler.handle(record) }
        await handler.close()
    }
}
