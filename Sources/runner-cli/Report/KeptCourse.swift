import JobStore
import Runner

/// A run as its queue keeps it for `report`: its course, its settings, and how it ended.
///
/// It is a setting of the queue by the name `course N`, N the number of the runner; `CourseList` has
/// the numbers that there are.
struct KeptCourse: Codable, Sendable {
    /// An option of the run.
    struct Setting: Codable, Equatable, Sendable {
        let name: String
        let value: String
    }

    /// The version of the program that ran.
    var version: String
    var pid: Int
    /// The name of the machine.
    var host: String
    /// The only batch that was run, as people know it; `nil` for all.
    var batch: String?
    /// The Unix times in µs when the run began, and as of when all of this is.
    var startedAtMicros: Int
    var takenAtMicros: Int
    /// The word for how the run ended (`RunReport.endingName`); `nil` until it has ended, and of a
    /// run that was killed.
    var ending: String?
    /// The jobs that were done when the run began, and those that are since.
    var doneBefore: Int
    var finished = 0
    var settings: [Setting] = []
    /// `RunCourse.text`.
    var course = ""
    /// The earliest first.
    var events: [ShownEvent] = []
    var failures: [ShownFailure] = []
    var figures = RunFigures.none

    private static let settingsMax = 40
    private static let eventsMax = 100
    private static let failuresMax = 40
    private static let failuresOfOutcomeMax = 5
    private static let hostsMax = 25
    private static let attemptsMax = 50
    private static let (textMax, urlMax, messageMax) = (200, 400, 160)
    private static let numberMax = 1 << 56

    static func settingName(_ number: Int) -> String { "course \(number)" }

    /// The latest events and failures of a run, of which the earliest, and those of outcomes with
    /// many, are left out.
    mutating func take(_ state: RunMonitor.State) {
        events = state.events.suffix(Self.eventsMax).map { ShownEvent($0).cut(to: Self.textMax) }
        var counts: [String: Int] = [:]
        let latest = state.failures.reversed().filter { failure in
            counts[failure.outcome, default: 0] += 1
            return counts[failure.outcome, default: 0] <= Self.failuresOfOutcomeMax
        }
        failures = latest.prefix(Self.failuresMax).reversed().map {
            ShownFailure($0).cut(url: Self.urlMax, message: Self.messageMax)
        }
    }

    /// Takes in figures, but for what would make them long. Hosts that the run has no jobs of any
    /// longer stay as they were: those with most attempts.
    mutating func take(_ new: RunFigures) {
        let before = figures.hosts
        figures = new
        let names = Set(new.hosts.map(\.name))
        let all = new.hosts + before.filter { !names.contains($0.name) }
        figures.hosts = Array(
            all.sorted { ($1.attempts, $0.name) < ($0.attempts, $1.name) }.prefix(Self.hostsMax))
        figures.attempts = Array(new.attempts.prefix(Self.attemptsMax))
    }

    /// Reads what a run has kept; `nil` for any other text, which may be anybody's: what it says is
    /// bounded, and holds nothing that drives a terminal.
    static func read(_ text: String) -> KeptCourse? {
        guard var kept: KeptCourse = try? JSON.value(in: text), kept.figures.isSound,
            RunCourse(text: kept.course) != nil
        else { return nil }
        let numbers =
            [kept.pid, kept.startedAtMicros, kept.takenAtMicros, kept.doneBefore, kept.finished]
            + kept.events.map(\.atMicros) + kept.failures.flatMap { [$0.atMicros, $0.attempt] }
        guard numbers.allSatisfy({ 0...numberMax ~= $0 }) else { return nil }
        kept.version = plain(kept.version)
        kept.host = plain(kept.host)
        kept.batch = kept.batch.map(plain)
        kept.ending = kept.ending.map(plain)
        kept.settings = kept.settings.prefix(settingsMax).map {
            Setting(name: plain($0.name), value: plain($0.value))
        }
        kept.events = kept.events.suffix(eventsMax).map { $0.cut(to: textMax) }
        kept.failures = kept.failures.suffix(failuresMax).map {
            $0.cut(url: urlMax, message: messageMax)
        }
        return kept
    }

    private static func plain(_ text: String) -> String {
        Layout.clipped(Layout.plain(text), columns: textMax)
    }

    var points: [RunHistory.Point] { RunCourse(text: course)?.points ?? [] }
}

/// The numbers of the runs whose courses a queue keeps, the earliest first: a setting of the queue.
struct CourseList {
    static let setting = "courses"
    /// The most runs whose courses are kept.
    static let runsMax = 20

    var numbers: [Int]

    init(_ text: String?) {
        numbers = (text ?? "").split(separator: " ").compactMap { Int($0) }.filter { $0 >= 0 }
    }

    /// The list of a queue.
    init(of ledger: any JobLedger) async throws(QueueError) {
        self.init(try await ledger.setting(Self.setting))
    }

    var text: String { numbers.map(String.init).joined(separator: " ") }

    /// Adds a run.
    ///
    /// - Returns: The numbers of the runs that are to be forgotten.
    mutating func add(_ number: Int) -> [Int] {
        numbers.removeAll { $0 == number }
        numbers.append(number)
        let gone = numbers.dropLast(Self.runsMax)
        numbers.removeFirst(gone.count)
        return Array(gone)
    }
}
