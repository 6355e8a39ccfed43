import JobStore
import Runner

/// All that a report tells of a queue, read at one moment.
struct ReportContent: Sendable {
    /// The queue as commands name it.
    var queue: String
    /// The Unix time in µs.
    var takenAtMicros: Int
    var counts: QueueCounts
    var isPaused = false
    /// The latest runs whose courses the queue keeps, the earliest first.
    var runs: [KeptCourse] = []
    /// The number of the last of `runs` (`CourseList`).
    var lastNumber: Int?
    /// The run that is going on; `nil` when there is none.
    var live: QueueCounts.LiveRun?
    /// `nil` when responses are not kept.
    var output: OutputTotals?
    /// The latest output files, the last first.
    var files: [(folder: String, file: OutputFile)] = []

    static let filesMax = 50

    /// Whether the last of `runs` is going on.
    var isLastLive: Bool { live != nil && live?.id == lastNumber }
}

extension ReportContent {
    init(of queue: QueueOptions, _ ledger: any JobLedger) async throws {
        let counts = try await ledger.counts()
        self.init(queue: queue.path, takenAtMicros: Timestamp.now, counts: counts)
        isPaused = try await ledger.isPaused()
        live = counts.runs.first
        // By rising number, and so by time.
        for number in try await CourseList(of: ledger).numbers.suffix(CourseList.runsMax).sorted() {
            let text = try await ledger.setting(KeptCourse.settingName(number))
            // Of a program of another version, perhaps.
            guard let run = text.flatMap(KeptCourse.read) else { continue }
            runs.append(run)
            lastNumber = number
        }
        if isLastLive, let figures = live?.measures.flatMap(RunFigures.read) {
            // Not older than a second or so.
            runs[runs.count - 1].take(figures)
            // Of one batch, it is as of the course.
            if runs[runs.count - 1].batch == nil {
                runs[runs.count - 1].finished = max(
                    0, counts.done - runs[runs.count - 1].doneBefore)
            }
        }
        let outputs = try await PlacedOutput.all(of: ledger, from: queue.realFolder)
        output = OutputTotals(outputs)
        files = outputs.latestFiles(max: Self.filesMax)
    }

    /// The word for how a run has ended, or that it has not.
    func ending(of index: Int) -> String {
        let isLast = index == runs.count - 1
        if isLast, isLastLive { return isPaused ? "paused" : "running" }
        return runs[index].ending ?? (isLast && !counts.isRunKnown ? "unknown" : "killed")
    }
}

extension KeptCourse {
    /// The time that the run took.
    var length: Duration { .microseconds(max(0, takenAtMicros - startedAtMicros)) }

    /// The jobs finished per second, of the time for which the run was not paused.
    var rate: Double {
        figures.elapsedMicros > 0
            ? Double(finished) * 1_000_000 / Double(figures.elapsedMicros) : 0
    }
}
