import ArgumentParser
import Runner

/// The options of judging that were chosen, now or in an earlier run; `nil` where none was. As JSON,
/// they are kept in the queue, and their names there stay.
struct JudgingChoice: Codable, Equatable {
    /// The name by which the queue keeps them.
    static let name = "judging"

    var completeOn: [String]?
    var retryOn: [String]?
    var failOn: [String]?
    var retries: Int?
    var retryDelaySeconds: Double?
    var retryMaxTimeSeconds: Double?
    var maxRetryAfterSeconds: Double?

    private enum CodingKeys: String, CodingKey {
        case completeOn = "complete_on"
        case retryOn = "retry_on"
        case failOn = "fail_on"
        case retries
        case retryDelaySeconds = "retry_delay_s"
        case retryMaxTimeSeconds = "retry_max_time_s"
        case maxRetryAfterSeconds = "max_retry_after_s"
    }

    /// The choice with what is missing taken from an earlier one.
    func over(_ kept: JudgingChoice) -> JudgingChoice {
        JudgingChoice(
            completeOn: Self.list(completeOn ?? kept.completeOn),
            retryOn: Self.list(retryOn ?? kept.retryOn),
            failOn: Self.list(failOn ?? kept.failOn), retries: retries ?? kept.retries,
            retryDelaySeconds: retryDelaySeconds ?? kept.retryDelaySeconds,
            retryMaxTimeSeconds: retryMaxTimeSeconds ?? kept.retryMaxTimeSeconds,
            maxRetryAfterSeconds: maxRetryAfterSeconds ?? kept.maxRetryAfterSeconds)
    }

    /// Of lists that are all empty nothing is left: the built-in rule counts again.
    private static func list(_ texts: [String]?) -> [String]? {
        let texts = texts?.filter { text in !text.allSatisfy { $0 == " " } }
        return texts?.isEmpty == false ? texts : nil
    }

    /// The choice without what another one makes.
    func without(_ other: JudgingChoice) -> JudgingChoice {
        JudgingChoice(
            completeOn: other.completeOn == nil ? completeOn : nil,
            retryOn: other.retryOn == nil ? retryOn : nil,
            failOn: other.failOn == nil ? failOn : nil,
            retries: other.retries == nil ? retries : nil,
            retryDelaySeconds: other.retryDelaySeconds == nil ? retryDelaySeconds : nil,
            retryMaxTimeSeconds: other.retryMaxTimeSeconds == nil ? retryMaxTimeSeconds : nil,
            maxRetryAfterSeconds: other.maxRetryAfterSeconds == nil ? maxRetryAfterSeconds : nil)
    }

    /// Sets what was chosen.
    func apply(to options: inout CrawlOptions) throws {
        options.rules = try rules()
        if let retries { options.retries = retries }
        if let retryDelaySeconds { options.retryDelay = .seconds(retryDelaySeconds) }
        if let retryMaxTimeSeconds { options.retryTimeMax = .seconds(retryMaxTimeSeconds) }
        if let maxRetryAfterSeconds { options.retryAfterMax = .seconds(maxRetryAfterSeconds) }
    }

    /// The choice as a command line has it; empty when nothing was chosen.
    var text: String {
        var words: [String] = []
        for (verdict, texts) in lists {
            words += texts.flatMap { [verdict.option, Self.quoted($0)] }
        }
        if let retries { words += ["--retries", "\(retries)"] }
        let times = [
            ("--retry-delay", retryDelaySeconds), ("--retry-max-time", retryMaxTimeSeconds),
            ("--max-retry-after", maxRetryAfterSeconds),
        ]
        for case (let option, let seconds?) in times { words += [option, Self.decimal(seconds)] }
        return words.joined(separator: " ")
    }

    private static func decimal(_ seconds: Double) -> String {
        Int(exactly: seconds).map { "\($0)" } ?? "\(seconds)"
    }

    private static func quoted(_ text: String) -> String {
        let isPlain =
            !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
                default: ",.-_=/:+".utf8.contains(byte)
                }
            }
        return isPlain ? text : "'\(text)'"
    }

    // MARK: - Rules

    private var lists: [(verdict: JudgingRules.Verdict, texts: [String])] {
        [(.complete, completeOn ?? []), (.retry, retryOn ?? []), (.fail, failOn ?? [])]
    }

    /// The rules of the three lists.
    ///
    /// - Throws: `ValidationError` that names the option and the item that is wrong.
    func rules() throws -> JudgingRules {
        var items: [JudgingRules.Verdict: [JudgingItem]] = [:]
        for (verdict, texts) in lists {
            for text in texts {
                do throws(JudgingFault) {
                    let list = try JudgingItem.list(text)
                    _ = try JudgingRules([verdict: list])
                    items[verdict, default: []] += list
                } catch {
                    throw ValidationError("\(verdict.option) '\(text)': \(error.sentence)")
                }
            }
        }
        do throws(JudgingFault) {
            return try JudgingRules(items)
        } catch {
            let all = JudgingChoice(completeOn: completeOn, retryOn: retryOn, failOn: failOn)
            throw ValidationError("\(all.text): \(error.sentence)")
        }
    }
}

extension JudgingRules.Verdict {
    /// The option that lists what ends so.
    fileprivate var option: String {
        switch self {
        case .complete: "--complete-on"
        case .retry: "--retry-on"
        case .fail: "--fail-on"
        }
    }
}

extension JudgingFault {
    /// The fault and its cure, behind the name of the option.
    fileprivate var sentence: String {
        switch code {
        case .unknown:
            "'\(item)' is nothing that can be listed; give statuses (404, 4xx, 500-504), reasons (timeout, dns, connect, … or network), type=TEXT/HTML, type!=TEXT/HTML or body~REGEX, with commas between"
        case .completesNothing:
            "'\(item)' completes no job; give statuses, for example 404"
        case .contradiction(let other):
            other == item
                ? "'\(item)' stands in two lists; leave it in one"
                : "'\(item)' and '\(other)' hold the same statuses; leave one out, or make it narrower"
        case .badPattern(let problem):
            "'\(item)' is no regular expression (\(problem)); write it as for grep -E"
        }
    }
}
