import JobStore
import Testing

@testable import Runner

@Suite struct CredentialsTests {
    @Test(arguments: [
        ("", ""), ("Timeout was reached", "Timeout was reached"),
        ("no host: https://user:secret@h/", "no host: https://***@h/"),
        ("cannot resolve user:sec/ret@h", "cannot resolve ***@h"),
        (
            "'http://u:secret@h' and http://secret@i:80/a@b, or (socks5://u:secret@p)",
            "'http://***@h' and http://***@b, or (socks5://***@p)"
        ),
        ("secret@h", "***@h"), ("@", "***@"), ("a @ b", "a ***@ b"),
        ("https://u:sec@ret@h", "https://***@h"),
    ])
    func credentials_areHidden(text: String, shown: String) {
        #expect(text.withoutCredentials == shown)
    }

    @Test func record_hidesThem() {
        let capture = Capture(
            CaptureStorage(
                budget: MemoryBudget(bytesMax: 1 << 20), spool: Spool { -1 }, folder: "none"))
        let record = Record(
            job: .sample(17), outcome: Outcome(.failed, .connect), status: 0, bodyBytes: 0,
            capture: capture, message: "no proxy http://u:secret@p")
        #expect(record.message == "no proxy http://***@p")
        #expect(!record.isAnswered)
        for isOfRobots in [false, true] {
            let record = Record(
                job: .sample(17), outcome: Outcome(.failed, status: 503), status: 503,
                bodyBytes: 0, capture: capture, isOfRobots: isOfRobots)
            #expect(record.isAnswered == !isOfRobots)
        }
    }
}
