import Testing

@testable import JobStore
@testable import PostgresStore

/// URLs of queues, and what is made of them.
@Suite struct AddressTests {
    @Test(arguments: [
        ("postgres://me:secret@db.example.com:5433/jobs", "postgres://me@db.example.com:5433/jobs"),
        ("postgresql://me@a,b:6000/jobs?password=secret", "postgres://me@a,b:6000/jobs"),
        ("postgres://me:12@secret@db.example.com/jobs", "postgres://me@db.example.com/jobs"),
        ("postgres:///jobs?host=/var/run/postgresql", "postgres:///jobs"),
        ("postgres://[::1]/jobs", "postgres://[::1]/jobs"),
    ])
    func shown_hasNoPassword(_ url: String, _ shown: String) throws {
        let address = try ServerAddress(url: url)
        #expect(!address.shown.contains("secret"))
        #expect(address.shown == shown || url.contains("host="))
        #expect(address.hasPassword == url.contains("secret"))
    }

    /// Also an error does not repeat what may be a password.
    @Test func init_refusesWhatIsNoURL_withoutRepeatingIt() {
        let error = #expect(throws: QueueError.self) {
            try ServerAddress(url: "postgres://me:sec%ret@host/jobs")
        }
        #expect(error?.code == .notAQueue && error?.description.contains("sec") == false)
    }

    @Test(arguments: [
        ("postgres://db.example.com/jobs", "verify-full"),
        ("postgres://127.0.0.1,db.example.com/jobs", "verify-full"),
        ("postgres://db.example.com/jobs?sslmode=require", "require"),
        ("postgres://127.0.0.1/jobs", nil), ("postgres://localhost/jobs", nil),
        ("postgres:///jobs?host=/run/postgresql", nil),
    ])
    func tls_isRequired_beyondThisMachine(_ url: String, _ mode: String?) throws {
        let options = try ServerAddress(url: url).options
        #expect(options.filter { $0.name == "sslmode" }.map(\.value) == (mode.map { [$0] } ?? []))
    }

    @Test func passfile_isTaken() throws {
        let address = try ServerAddress(url: "postgres://h/jobs?passfile=/tmp/pass")
        #expect(address.options.contains { $0.name == "passfile" && $0.value == "/tmp/pass" })
        #expect(!address.hasPassword)
    }
}
