import Runner

/// The figures of a run as the queue keeps them for `status` to read.
extension RunFigures {
    /// The most hosts and outcomes that are kept, so that the text takes some 5 KB at most.
    private static let keptHostsMax = 10
    private static let keptAttemptsMax = 20

    /// The figures as text; `nil` when they cannot be written.
    var kept: String? { kept(with: nil) }

    /// The figures and some news as text; `nil` when they cannot be written.
    func kept(with news: KeptNews?) -> String? {
        var figures = self
        figures.attempts = Array(attempts.prefix(Self.keptAttemptsMax))
        figures.hosts = Array(hosts.prefix(Self.keptHostsMax))
        return try? PlainEncoder.text(KeptRun(figures: figures, news: news))
    }

    /// Reads what `kept` gave; `nil` for any other text, such as that of another version.
    static func read(_ text: String) -> RunFigures? {
        guard let figures: RunFigures = try? JSON.value(in: text), figures.isSound else {
            return nil
        }
        return figures
    }
}

/// The latest events and failures of a run, of which few and short ones are kept.
struct KeptNews: Codable, Equatable, Sendable {
    var events: [ShownEvent]
    var failures: [ShownFailure]

    private static let eventsMax = 4
    private static let failuresMax = 5
    private static let (textMax, urlMax, messageMax) = (140, 160, 60)
    private static let numberMax = 1 << 56

    /// - Returns: `nil` when there is nothing.
    init?(_ state: RunMonitor.State) {
        events = state.events.suffix(Self.eventsMax).map { event in
            ShownEvent(event).cut(to: Self.textMax)
        }
        failures = state.failures.suffix(Self.failuresMax).map { failure in
            ShownFailure(failure).cut(url: Self.urlMax, message: Self.messageMax)
        }
        if events.isEmpty && failures.isEmpty { return nil }
    }

    /// Reads the news that were kept with figures. The text may be anybody's: what it says is
    /// bounded, and holds nothing that drives a terminal.
    static func read(_ text: String) -> KeptNews? {
        struct Kept: Decodable { let news: KeptNews? }
        guard let kept: Kept = try? JSON.value(in: text), var news = kept.news else { return nil }
        let times = news.events.map(\.atMicros) + news.failures.map(\.atMicros)
        guard times.allSatisfy({ 0...numberMax ~= $0 }) else { return nil }
        news.events = news.events.suffix(eventsMax).map { $0.cut(to: textMax) }
        news.failures = news.failures.suffix(failuresMax).map {
            $0.cut(url: urlMax, message: messageMax)
        }
        return news
    }
}

extension ShownEvent {
    func cut(to columns: Int) -> ShownEvent {
        ShownEvent(
            atMicros: atMicros, isWarning: isWarning,
            text: Layout.clipped(Layout.plain(text), columns: columns))
    }
}

extension ShownFailure {
    func cut(url urlMax: Int, message messageMax: Int) -> ShownFailure {
        ShownFailure(
            atMicros: atMicros, batch: batch,
            outcome: Layout.cut(Layout.plain(outcome), columns: 40), id: id,
            attempt: attempt, isRetried: isRetried,
            url: Layout.cut(Layout.plain(url), columns: urlMax),
            message: Layout.clipped(Layout.plain(message), columns: messageMax))
    }
}

/// Figures, with news among their properties.
private struct KeptRun: Encodable {
    let figures: RunFigures
    let news: KeptNews?

    private enum CodingKeys: String, CodingKey { case news }

    func encode(to encoder: any Encoder) throws {
        try figures.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(news, forKey: .news)
    }
}
