internal import JobStore
internal import Synchronization

/// Looks names up, for one thread.
protocol NameSource: AnyObject {
    /// Starts to look a name up; never blocks.
    ///
    /// - Parameter told: Called once, on the thread that asks, with the answer and the TTL of its
    ///   record in seconds; perhaps before `ask` returns.
    func ask(_ name: String, told: @escaping (NameAnswer, Int) -> Void)
    /// When `tick` is to be called, in µs on the monotonic clock; `.max` when it need not be.
    var deadlineMicros: Int { get }
    func tick(at now: Now)
    /// Ends all lookups, and frees the memory they hold.
    func close()
}

/// An object that waits for a name's addresses.
protocol NameClient: AnyObject {
    func nameWasAnswered(_ answer: NameAnswer)
}

/// The answers that the loops of a run remember together: a name whose jobs go to all loops is looked
/// up once.
final class SharedAddresses: Sendable {
    private let book = Locked(AddressBook())

    func answer(for name: String, at now: Now) -> NameAnswer? {
        book.withLock { $0.answer(for: name, at: now) }
    }

    func keep(_ answer: NameAnswer, ttlSeconds: Int, for name: String, at now: Now) {
        book.withLock { $0.keep(answer, ttlSeconds: ttlSeconds, for: name, at: now) }
    }
}

/// Finds addresses for an event loop. Remembers answers, and looks a name up once for all clients
/// that wait for it. Used on its loop's thread.
final class NameResolver {
    private let source: any NameSource
    private let addresses: SharedAddresses
    /// The clients that wait for each name, by identity, so that thousands that wait for one name
    /// can be forgotten one by one.
    private var waiting: [String: [ObjectIdentifier: any NameClient]] = [:]
    /// Answers that have come and have not been handed on.
    private var answered: [(name: String, answer: NameAnswer)] = []
    private let now: () -> Now
    /// The family of the addresses that clients want; the source gives no others.
    private let family: AddressFamily

    init(
        _ source: any NameSource, _ family: AddressFamily = .any,
        _ addresses: SharedAddresses = SharedAddresses(), now: @escaping () -> Now
    ) {
        self.source = source
        self.addresses = addresses
        self.family = family
        self.now = now
    }

    /// The known answer for a name; `nil` when the name must be asked for.
    func answer(for name: String) -> NameAnswer? {
        NameAnswer.local(name, family) ?? addresses.answer(for: name, at: now())
    }

    /// Asks for a name. `client` is told once, from `handOn`.
    func ask(_ name: String, for client: any NameClient) {
        let isAsked = waiting[name] != nil
        waiting[name, default: [:]][ObjectIdentifier(client)] = client
        guard !isAsked else { return }
        source.ask(name) { [unowned self] answer, ttlSeconds in
            // Taken in now, handed on later: we are within the source's own work.
            addresses.keep(answer, ttlSeconds: ttlSeconds, for: name, at: now())
            answered.append((name, answer))
        }
    }

    /// Makes sure that `client` is told no more. The lookup goes on, for other clients.
    func forget(_ client: any NameClient, askingFor name: String) {
        waiting[name]?[ObjectIdentifier(client)] = nil
        // Kept though empty: the answer is still to come, and must not be asked for twice.
    }

    /// Hands answers on to the clients that wait.
    func handOn() {
        while !answered.isEmpty {
            let batch = answered
            answered.removeAll(keepingCapacity: true)
            for (name, answer) in batch {
                for client in (waiting.removeValue(forKey: name) ?? [:]).values {
                    client.nameWasAnswered(answer)
                }
            }
        }
    }

    var hasAnswers: Bool { !answered.isEmpty }
    var deadlineMicros: Int { source.deadlineMicros }
    func tick(at now: Now) { source.tick(at: now) }
    func close() { source.close() }
}
