/// The bounds by which sites without an end are told: calendars, sessions in paths, links that are
/// relative by mistake.
public struct TrapGuards: Hashable, Sendable {
    /// The most bytes of a URL.
    public var urlBytesMax = 2083
    /// The most segments of a path.
    public var segmentsMax = 20
    /// The most times that one segment may stand in a path.
    public var segmentRepeatsMax = 3
    /// The most times that two or more segments may follow themselves: `/a/b/a/b` has them twice.
    public var sequenceRepeatsMax = 2
    /// The most parameters of a query.
    public var parametersMax = 20
    /// The most different queries of one path. The order of parameters counts: to some servers it
    /// means something, and where it does not, each order is one more query here.
    public var queriesMax = 1000
    /// The number of URLs with a query that are remembered for `queriesMax`: twice as many at most,
    /// some 50 bytes each. Once there are as many, those of before are forgotten, and paths that
    /// none came of since begin anew.
    public var queriesKnownMax = 100_000

    public init() {}

    /// Segments past these are not compared: the time would grow with their square.
    private static let comparedMax = 64

    /// Looks at a URL by itself.
    func reason(against url: URLParts) -> Scope.Reason? {
        if url.bytes.count > urlBytesMax { return .tooLong }
        let segments = url.segments
        if segments.count > segmentsMax { return .tooDeep }
        let compared = segments.prefix(Self.comparedMax)
        if repeats(compared) > segmentRepeatsMax { return .repeatedSegment }
        if sequenceRepeats(compared) > sequenceRepeatsMax { return .repeatedSequence }
        return url.parameterCount > parametersMax ? .tooManyParameters : nil
    }

    /// The number of times that the most frequent segment comes.
    private func repeats(_ segments: ArraySlice<ArraySlice<UInt8>>) -> Int {
        var counts: [ArraySlice<UInt8>: Int] = [:]
        for segment in segments { counts[segment, default: 0] += 1 }
        return counts.values.max() ?? 0
    }

    /// The number of times that a sequence of two or more segments follows itself; 1 where none
    /// does.
    private func sequenceRepeats(_ segments: ArraySlice<ArraySlice<UInt8>>) -> Int {
        var most = 1
        var length = 2
        while 2 * length <= segments.count {
            var run = 0
            for index in 0..<(segments.count - length) {
                run = segments[index] == segments[index + length] ? run + 1 : 0
                most = max(most, run / length + 1)
            }
            length += 1
        }
        return most
    }
}
