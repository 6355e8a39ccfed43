/// A call that forgets output folders which are lost, as the queue keeps it among its choices
/// (`JobLedger.setting`): a later call takes the place of an earlier one, which finds that out in
/// its next transaction.
public struct SiteForgetting: Equatable, Sendable {
    /// The sites that are forgotten, with the identity that each output had when the call began.
    public let identities: [Site: String]
    /// A random text, the call's own.
    public let token: String
    /// The sites among them of which jobs may have been put back: from then on no run writes to them,
    /// until they are forgotten.
    public private(set) var begun: Set<Site>
    /// The transactions of the call that have put jobs back.
    public private(set) var steps = 0
    /// The position up to which the last of them did.
    public private(set) var place = 0

    /// The name of the choice that holds the call.
    public static let name = "forget_site"
    /// The name of the choice that holds the identities of outputs that were forgotten.
    public static let forgottenName = "forgotten_sites"

    /// Begins a call.
    ///
    /// - Parameter before: The call that the queue holds.
    public init(of identities: [Site: String], after before: SiteForgetting?) {
        self.identities = identities
        var digits = ""
        for _ in 0..<4 { digits += String(UInt32.random(in: 0...(.max)), radix: 16) }
        token = digits
        begun = before?.begun.intersection(identities.keys) ?? []
    }

    /// Reads what `text` wrote.
    ///
    /// - Returns: `nil` when the text does not read.
    public init?(_ text: String) {
        var lines = text.split(separator: "\n")[...]
        guard let head = lines.popFirst()?.split(separator: " "), head.count == 3,
            let steps = Int(head[1]), let place = Int(head[2]), steps >= 0, steps < .max
        else { return nil }
        var identities: [Site: String] = [:]
        var begun: Set<Site> = []
        for line in lines {
            let parts = line.split(
                separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3, let id = Int(parts[0]),
                parts[1] == Self.begunWord || parts[1] == Self.scanningWord
            else { return nil }
            identities[Site(id: id)] = String(parts[2])
            if parts[1] == Self.begunWord { begun.insert(Site(id: id)) }
        }
        guard !identities.isEmpty else { return nil }
        self.identities = identities
        self.begun = begun
        (self.steps, self.place) = (steps, place)
        token = String(head[0])
    }

    /// The call as the queue keeps it.
    public var text: String {
        (["\(token) \(steps) \(place)"]
            + sites.map { site in
                let word = begun.contains(site) ? Self.begunWord : Self.scanningWord
                return "\(site.id) \(word) \(identities[site] ?? "")"
            }).joined(separator: "\n")
    }

    private static let begunWord = "putting-back"
    private static let scanningWord = "scanning"

    /// Whether jobs may have been put back.
    public var hasPutBack: Bool { !begun.isEmpty }

    /// Notes that jobs of all sites may have been put back.
    public mutating func begin() { begun = Set(identities.keys) }

    /// Notes what one more transaction has done.
    ///
    /// - Parameter place: The position up to which it put jobs back.
    public mutating func done(upTo place: Int) { (steps, self.place) = (steps + 1, place) }

    /// The sites by rising number.
    public var sites: [Site] { identities.keys.sorted { $0.id < $1.id } }

    // MARK: - What was forgotten

    /// The most identities that a queue keeps of outputs that were forgotten.
    private static let forgottenMax = 1000

    /// Adds identities to those of outputs that were forgotten.
    ///
    /// - Parameter known: The value of the choice `forgottenName`.
    /// - Returns: Its new value.
    public static func forgotten(_ known: String?, adding identities: [String]) -> String {
        let lines = (known ?? "").split(separator: "\n").map(String.init)
        let new = identities.filter { !$0.isEmpty && !lines.contains($0) }
        return (lines + new).suffix(forgottenMax).joined(separator: "\n")
    }

    // MARK: - Errors, the same of all stores

    /// The call that a store holds has begun to put jobs back, and forgets other sites than those
    /// asked for.
    ///
    /// - Parameter queue: The name of the queue.
    public func unfinished(in queue: String) -> QueueError {
        QueueError(
            .forgotten,
            "the queue \(queue) has begun to forget output \(numbers), and jobs were put back",
            remedy: .finishForgetting(begun.map(\.id).sorted()))
    }

    /// A later call has taken this one's place.
    public func ended(in queue: String) -> QueueError {
        QueueError(
            .inUse,
            "another call forgets an output of the queue \(queue) since this one began, which has ended; what it put back stays so"
        )
    }

    /// The store does not know what this call has done before: a database that was behind has taken
    /// its place.
    public func undone(in queue: String) -> QueueError {
        QueueError(
            .inUse,
            "the queue \(queue) does not know what this call has put back: another server has taken the place of the one before; give the command again"
        )
    }

    /// A run has written to a site since the call began.
    public static func changed(_ folder: String, in queue: String) -> QueueError {
        QueueError(
            .inUse,
            "a run of the queue \(queue) has written to \(folder) meanwhile; nothing was put back")
    }

    /// A run writes to a site.
    public static func written(_ folder: String, by runner: String) -> QueueError {
        QueueError(
            .inUse,
            "\(runner) writes to the output folder \(folder); stop that run first, or wait for its end"
        )
    }

    /// There is no such site, or none that responses were written to.
    public static func missing(_ site: Site, in queue: String) -> QueueError {
        QueueError(.forgotten, "the queue \(queue) has no output \(site.id)")
    }

    /// The numbers of the sites of which jobs may have been put back.
    private var numbers: String {
        begun.map(\.id).sorted().map { String($0) }.joined(separator: ", ")
    }
}

extension JobLedger {
    /// Whether a folder's identity is that of an output which the queue has forgotten.
    public func hasForgotten(_ identity: String) async throws(QueueError) -> Bool {
        let known = try await setting(SiteForgetting.forgottenName)
        return known?.split(separator: "\n").contains { $0 == identity } ?? false
    }

    /// For stores whose outputs cannot be forgotten.
    public func checkForgettable(_ sites: [Site]) async throws(QueueError) {
        throw QueueError(.unsupported, "queues of this kind do not forget an output folder")
    }
}
