internal import JobStore

/// The whole course of a run, however long, in stretches of one length: `pointsMax` at most. Where
/// there would be more, stretches are joined to some of twice the length. Pure.
///
///     run    stretches
///     100 s  100 of 1 s
///     1 h    225 of 16 s
///     1 day  169 of 512 s
public struct RunCourse: Equatable, Sendable {
    /// The stretches, the earliest first.
    public private(set) var points: [RunHistory.Point] = []
    /// The length of a stretch in s: stretches begin at multiples of it.
    public private(set) var stretchSeconds = 1

    public static let pointsMax = 240

    public init() {}

    /// Takes in what happened from one sample to the next.
    public mutating func add(from last: RunSample, to sample: RunSample) {
        guard sample.takenAtMicros > last.takenAtMicros else { return }
        add(RunHistory.Point(from: last, to: sample))
    }

    mutating func add(_ part: RunHistory.Point) {
        join(part)
        while points.count > Self.pointsMax {
            stretchSeconds *= 2
            let parts = points
            points = []
            for part in parts { join(part) }
        }
    }

    /// Adds a part to the last stretch, or begins another with it.
    private mutating func join(_ part: RunHistory.Point) {
        guard let last = points.last, last.at / stretchSeconds == part.at / stretchSeconds else {
            points.append(part)
            return
        }
        points[points.count - 1].add(part)
    }
}

/// The course as text, which a queue keeps: some 100 bytes a stretch.
extension RunCourse {
    /// Larger numbers are none that a run counted: sums of those of all runs of a queue must fit.
    private static let numberMax = 1 << 46

    /// The length of a stretch, and for each stretch its end (as of the one before), its length in
    /// ms, the attempts completed, retried and failed, bytes, requests in flight, p50, p99, and the
    /// attempts by size as far as there are any.
    public var text: String {
        var text = "\(stretchSeconds)"
        var before = 0
        for point in points {
            text += ";\(point.at - before) \(Int((point.seconds * 1000).rounded()))"
            before = point.at
            for number in [
                point.completed, point.retried, point.failed, point.bytes, point.inFlight,
                point.p50Micros, point.p99Micros,
            ] { text += " \(number)" }
            let sizes = point.durations
            let count = sizes.lastIndex { $0 != 0 }.map { $0 + 1 } ?? 0
            for number in sizes.prefix(count) { text += number == 0 ? " " : " \(number)" }
        }
        return text
    }

    /// Reads what `text` gave; `nil` for any other text.
    public init?(text: String) {
        let parts = text.split(separator: ";", omittingEmptySubsequences: false)
        guard let first = parts.first.flatMap({ Int($0) }), 1...Self.numberMax ~= first,
            parts.count <= Self.pointsMax + 1
        else { return nil }
        stretchSeconds = first
        var before = 0
        for part in parts.dropFirst() {
            let fields = part.split(separator: " ", omittingEmptySubsequences: false)
            let numbers = fields.compactMap { $0.isEmpty ? 0 : Int($0) }
            let sizes = DurationSizes.ends.count + 1
            guard numbers.count == fields.count, 9...9 + sizes ~= numbers.count,
                numbers.allSatisfy({ 0...Self.numberMax ~= $0 })
            else { return nil }
            var point = RunHistory.Point()
            point.at = before + numbers[0]
            before = point.at
            guard before <= Self.numberMax else { return nil }
            point.seconds = Double(numbers[1]) / 1000
            (point.completed, point.retried, point.failed) = (numbers[2], numbers[3], numbers[4])
            (point.bytes, point.inFlight) = (numbers[5], numbers[6])
            (point.p50Micros, point.p99Micros) = (numbers[7], numbers[8])
            for (index, number) in numbers.dropFirst(9).enumerated() {
                point.durations[index] = number
            }
            points.append(point)
        }
    }
}
