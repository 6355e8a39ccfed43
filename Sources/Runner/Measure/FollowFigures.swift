/// The numbers of requests that responses led to.
public struct FollowFigures: Sendable, Equatable {
    /// Those that became jobs.
    public internal(set) var added = 0
    /// Those that the queue has had.
    public internal(set) var known = 0
    /// Those that were not followed.
    public internal(set) var cut: [FollowCut: Int] = [:]
    /// The most responses, one after another, that led to one that was looked at; 0 while those are
    /// the responses of jobs that were enqueued.
    public internal(set) var depth = 0

    public init() {}

    /// The number of those that were not followed.
    public var leftOut: Int { cut.values.reduce(0, +) }
}

extension FollowFigures: Codable {
    private enum CodingKeys: CodingKey { case added, known, cut, depth }

    /// Reasons are values, since keys are written in another case.
    private struct Cut: Codable {
        let reason: FollowCut
        let count: Int
    }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        added = try values.decode(Int.self, forKey: .added)
        known = try values.decode(Int.self, forKey: .known)
        depth = try values.decode(Int.self, forKey: .depth)
        for cut in try values.decode([Cut].self, forKey: .cut) { self.cut[cut.reason] = cut.count }
    }

    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(added, forKey: .added)
        try values.encode(known, forKey: .known)
        try values.encode(depth, forKey: .depth)
        let cuts = FollowCut.allCases.compactMap { reason in
            cut[reason].map { Cut(reason: reason, count: $0) }
        }
        try values.encode(cuts, forKey: .cut)
    }
}

/// The reason that a request is not followed, though the queue may not have it.
public enum FollowCut: String, Codable, Sendable, CaseIterable {
    /// It is no URL of HTTP, or no request can be made of it.
    case malformed
    /// It leads out of `FollowOptions.reach`.
    case scope
    /// It does not match `FollowOptions.match`, or it matches `FollowOptions.skip`.
    case skipped
    /// Its page says not to follow it.
    case nofollow
    /// Its response leads to more requests than one may (`Handled.followMax`).
    case many
    /// `FollowOptions.guards` take it for a part of a site without an end.
    case trap
    /// More responses than `FollowOptions.depthMax` lead to it.
    case depth
    /// The batch has header fields that are for its own host alone.
    case credentials
    /// The batch for it has `FollowOptions.jobsMax` jobs, or was cancelled.
    case full
    /// The batch for it has `FollowOptions.jobsOfHostMax` jobs of its host.
    case hostFull = "host_full"
}
