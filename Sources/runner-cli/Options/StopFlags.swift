import ArgumentParser
import Glibc
import Runner

/// The options that stop a run at a limit, to be resumed later.
struct StopFlags: ParsableArguments {
    @Option(
        name: .customLong("max-failures"),
        help: ArgumentHelp(
            "Stop when so many jobs of this run have failed, or so many of a hundred.",
            valueName: "n|p%"))
    var maxFailures: FailureBound?

    @Option(
        name: .customLong("run-time"),
        help: ArgumentHelp("Stop after this time; m, h or d may follow.", valueName: "seconds"))
    var runTime: Seconds?

    @Option(
        help: ArgumentHelp("Stop when the clock next shows this time.", valueName: "hh:mm"))
    var until: ClockTime?

    @Option(
        name: .customLong("max-bytes"),
        help: ArgumentHelp(
            "Stop when so many bytes of bodies came; k, M and G may follow.", valueName: "bytes"))
    var maxBytes: ByteCount?

    /// - Parameter now: Unix time in seconds.
    func limits(at now: Int) -> StopLimits {
        var limits = StopLimits()
        limits.failuresMax = maxFailures?.failures
        limits.runTimeMax = runTime?.duration
        limits.untilMicros = until.map { $0.next(after: now) * 1_000_000 }
        limits.bodyBytesMax = maxBytes?.bytes
        return limits
    }

    /// A sentence that says when the run stops; `nil` where it does not go by the clock.
    func note(at now: Int) -> String? {
        until.map { "stops at \(Self.shown($0.next(after: now)))" }
    }

    private static func shown(_ seconds: Int) -> String {
        var (time, fields) = (time_t(seconds), tm())
        localtime_r(&time, &fields)
        var text = [CChar](repeating: 0, count: 100)
        let count = strftime(&text, text.count, "%Y-%m-%d %H:%M:%S %Z", &fields)
        return String(decoding: text[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// A number of jobs, or a share of those that are done: `100`, `2.5%`.
struct FailureBound: ExpressibleByArgument {
    let failures: StopLimits.Failures

    init?(argument: String) {
        if argument.last == "%" {
            guard let percent = Double(argument.dropLast()), percent > 0, percent <= 100 else {
                return nil
            }
            failures = .percent(percent)
        } else {
            guard let count = Int(argument), count >= 1 else { return nil }
            failures = .count(count)
        }
    }
}

/// A time of day of the local clock: `06:00`, `23:59:30`.
struct ClockTime: ExpressibleByArgument {
    let hour: Int32
    let minute: Int32
    let second: Int32

    init?(argument: String) {
        let parts = argument.split(separator: ":", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { part -> Int32? in
            part.utf8.count <= 2 && part.utf8.allSatisfy({ (0x30...0x39).contains($0) })
                ? Int32(part) : nil
        }
        guard numbers.count == parts.count, (2...3).contains(parts.count), numbers[0] < 24,
            numbers[1] < 60, numbers.count == 2 || numbers[2] < 60
        else { return nil }
        (hour, minute) = (numbers[0], numbers[1])
        second = numbers.count == 3 ? numbers[2] : 0
    }

    /// Returns the next moment, after `now`, at which the clock shows the time. Where the clock is
    /// set forward past it that day, the moment is as much later.
    ///
    /// - Parameter now: Unix time in seconds; so is the result.
    func next(after now: Int) -> Int {
        tzset()
        var (time, fields) = (time_t(now), tm())
        localtime_r(&time, &fields)
        for days: Int32 in 0...1 {
            var day = tm()
            (day.tm_year, day.tm_mon) = (fields.tm_year, fields.tm_mon)
            day.tm_mday = fields.tm_mday + days
            (day.tm_hour, day.tm_min, day.tm_sec) = (hour, minute, second)
            // mktime finds out whether it is summer then.
            day.tm_isdst = -1
            let moment = mktime(&day)
            if moment > now { return moment }
        }
        return now + 86_400
    }
}
