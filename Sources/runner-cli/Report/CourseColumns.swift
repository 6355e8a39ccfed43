import Runner

/// The courses of runs side by side on one axis, the time for which runs went on: some 300 columns,
/// each of one run. Pure.
struct CourseColumns {
    struct Column {
        /// The time on the axis in s at which the column begins.
        let start: Double
        var point: RunHistory.Point

        var end: Double { start + point.seconds }
        func perSecond(_ count: Int) -> Double { Double(count) / max(point.seconds, 0.001) }
        var rate: Double { perSecond(point.completed + point.retried + point.failed) }
    }

    /// Something that happened, at its time on the axis in s.
    struct Mark {
        let at: Double
        let text: String
    }

    /// The columns of each run.
    private(set) var runs: [[Column]] = []
    private(set) var marks: [Mark] = []
    /// The length of the axis in s.
    private(set) var seconds = 0.0

    private static let columnsMax = 300.0

    init(_ kept: [KeptCourse]) {
        let courses = kept.map(\.points)
        let total = courses.joined().reduce(0) { $0 + $1.seconds }
        let width = total / Self.columnsMax
        for (run, points) in zip(kept, courses) {
            let begin = seconds
            var columns: [Column] = []
            for point in points {
                if let last = columns.last, last.point.seconds + point.seconds <= width {
                    columns[columns.count - 1].point.add(point)
                } else {
                    columns.append(Column(start: seconds, point: point))
                }
                seconds += point.seconds
            }
            guard !columns.isEmpty else { continue }
            runs.append(columns)
            for event in run.events {
                let since = Double(event.atMicros - run.startedAtMicros) / 1_000_000
                marks.append(Mark(at: min(seconds, begin + max(0, since)), text: event.text))
            }
        }
    }

    var all: some Sequence<Column> { runs.joined() }
}
