import Runner

/// The fate of the requests that responses led to, as a contract (docs/FOLLOWING.md).
struct FollowedDocument: Encodable {
    let added: Int
    let known: Int
    /// Those that were not followed, by reason.
    let cut: [String: Int]

    private enum CodingKeys: String, CodingKey {
        case added, known
        case cut = "left_out"
    }

    init(_ figures: FollowFigures) {
        added = figures.added
        known = figures.known
        cut = Dictionary(uniqueKeysWithValues: figures.cut.map { ($0.key.rawValue, $0.value) })
    }
}

extension FollowFigures {
    /// The figures in one line.
    var line: String {
        let reasons = FollowCut.allCases.compactMap { reason -> String? in
            cut[reason].map { "\(Format.count($0)) \(reason.words)" }
        }
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
        }
    }
}
