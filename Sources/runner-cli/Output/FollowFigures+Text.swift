import Runner

/// The fate of the requests that responses led to, as a contract (docs/FOLLOWING.md).
struct FollowedDocument: Encodable {
    let added: Int
    let known: Int
    /// Those that were not followed, by reason.
    let cut: [String: Int]

    /// Steps from what was enqueued to the farthest response.
    let depth: Int

    private enum CodingKeys: String, CodingKey {
        case added, known, depth
        case cut = "left_out"
    }

    init(_ figures: FollowFigures) {
        added = figures.added
        known = figures.known
        depth = figures.depth
        cut = Dictionary(uniqueKeysWithValues: figures.cut.map { ($0.key.rawValue, $0.value) })
    }
}

extension FollowFigures {
    /// The figures in a few words for views that go on.
    var pieces: [String] {
        [
            "found \(Format.count(added))", "\(Format.count(known)) were there",
            "\(Format.count(leftOut)) left out", "depth \(Format.count(depth))",
        ]
    }

    /// The reasons with their numbers.
    var reasons: [(words: String, count: Int)] {
        FollowCut.allCases.compactMap { reason in cut[reason].map { (reason.words, $0) } }
    }

    /// The figures in one line.
    var line: String {
        let reasons = reasons.map { "\(Format.count($0.count)) \($0.words)" }
        let leftOut = reasons.isEmpty ? "" : "; left out: \(reasons.joined(separator: ", "))"
        return
            "followed: \(Format.count(added)) requests, \(Format.count(known)) others were there\(leftOut)"
    }
}

extension FollowCut {
    fileprivate var words: String {
        switch self {
        case .malformed: "that are no requests"
        case .scope: "out of scope"
        case .skipped: "by --follow-match or --follow-skip"
        case .nofollow: "by nofollow"
        case .many: "of responses with more than may be"
        case .trap: "as traps"
        case .depth: "by --depth"
        case .credentials: "for credentials of another host"
        case .full: "by --max-jobs, or as the batch was cancelled"
        case .hostFull: "by --max-jobs-per-host"
        }
    }
}
