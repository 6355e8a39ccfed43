/// News of a host that went out of reach, or came back; or of this machine.
public struct TroubleNews: Sendable, Equatable {
    public let trouble: Trouble
    /// Whether the trouble is over. Then its duration is the whole of it.
    public let isOver: Bool
}

/// Decides which troubles of a run are worth a line, one when it has begun and one when it is over.
/// Pure.
struct TroubleWatch {
    /// The time after which a trouble is told of: hosts are often let alone for a second.
    static let toldAfter = Duration.seconds(2)
    /// The most troubles that were told of and last.
    static let toldMax = 10

    /// The troubles that were told of and last, by their host.
    private var told: [String: Trouble] = [:]

    /// Takes in the troubles that there are now.
    mutating func news(of troubles: [Trouble]) -> [TroubleNews] {
        var news: [TroubleNews] = []
        var gone = told
        for trouble in troubles {
            let isKnown = gone.removeValue(forKey: trouble.host) != nil
            guard isKnown || trouble.duration >= Self.toldAfter && told.count < Self.toldMax else {
                continue
            }
            told[trouble.host] = trouble
            if !isKnown { news.append(TroubleNews(trouble: trouble, isOver: false)) }
        }
        for trouble in gone.values.sorted(by: { $0.host < $1.host }) {
            told[trouble.host] = nil
            news.append(TroubleNews(trouble: trouble, isOver: true))
        }
        return news
    }
}
