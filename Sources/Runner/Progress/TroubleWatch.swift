internal import JobStore

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
    /// The time after which one more may be told of than `toldMax` in all: of a list with a hundred
    /// thousand dead hosts, each has its trouble for some seconds.
    static let refill = Duration.seconds(60)

    /// The troubles that were told of and last, by their host.
    private var told: [String: Trouble] = [:]
    /// The number of troubles that may be told of before the next refill.
    private var left = Self.toldMax
    private var refillAtMicros: Int?

    /// Takes in the troubles that there are at a moment.
    mutating func news(of troubles: [Trouble], at now: Now) -> [TroubleNews] {
        refill(at: now)
        var news: [TroubleNews] = []
        var gone = told
        for trouble in troubles {
            let isKnown = gone.removeValue(forKey: trouble.host) != nil
            if !isKnown {
                guard trouble.duration >= Self.toldAfter, left > 0 else { continue }
                left -= 1
                news.append(TroubleNews(trouble: trouble, isOver: false))
            }
            told[trouble.host] = trouble
        }
        for trouble in gone.values.sorted(by: { $0.host < $1.host }) {
            told[trouble.host] = nil
            news.append(TroubleNews(trouble: trouble, isOver: true))
        }
        return news
    }

    private mutating func refill(at now: Now) {
        var next = refillAtMicros ?? now.monotonicMicros + Self.refill.microseconds
        while next <= now.monotonicMicros {
            next += Self.refill.microseconds
            left = min(Self.toldMax, left + 1)
        }
        refillAtMicros = next
    }
}
