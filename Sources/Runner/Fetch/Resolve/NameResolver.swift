/// Who looks names up, for one thread.
protocol NameSource: AnyObject {
    /// Starts to look a name up; never blocks.
    ///
    /// - Parameter told: Called once, on the thread that asks, with the answer and the TTL of its
    ///   record in seconds; perhaps before this returns.
    func ask(_ name: String, told: @escaping (NameAnswer, Int) -> Void)
    /// When it wants `tick` to be called, in µs on the monotonic clock; `.max` when nothing waits.
    var deadlineMicros: Int { get }
    func tick(at now: Now)
    /// Ends all lookups, and what they hold.
    func close()
}

/// Somebody who waits for a name's addresses.
protocol NameClient: AnyObject {
    func nameWasAnswered(_ answer: NameAnswer)
}

/// Addresses for an event loop: remembers answers, and looks a name up once for all who wait for it.
/// Used on its loop's thread.
final class NameResolver {
    private let source: any NameSource
    private var book = AddressBook()
    /// By client, so that thousands who wait for one name can be forgotten one by one.
    private var waiting: [String: [ObjectIdentifier: any NameClient]] = [:]
    /// Answers that came and were not handed on yet.
    private var answered: [(name: String, answer: NameAnswer)] = []
    private let now: () -> Now

    init(_ source: any NameSource, now: @escaping () -> Now) {
        self.source = source
        self.now = now
    }

    /// What is known of a name; `nil` when it must be asked for.
    func answer(for name: String) -> NameAnswer? {
        NameAnswer.local(name) ?? book.answer(for: name, at: now())
    }

    /// Has `client` told, once, from `handOn`.
    func ask(_ name: String, for client: any NameClient) {
        let isAsked = waiting[name] != nil
        waiting[name, default: [:]][ObjectIdentifier(client)] = client
        guard !isAsked else { return }
        source.ask(name) { [unowned self] answer, ttlSeconds in
            // Taken in now, handed on later: we are within the source's own work.
            book.keep(answer, ttlSeconds: ttlSeconds, for: name, at: now())
            answered.append((name, answer))
        }
    }

    /// Tells `client` no more. Its lookup goes on, for others.
    func forget(_ client: any NameClient, askingFor name: String) {
        waiting[name]?[ObjectIdentifier(client)] = nil
        // Kept though empty: the answer is still to come, and must not be asked for twice.
    }

    /// Hands answers on to those who wait.
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
