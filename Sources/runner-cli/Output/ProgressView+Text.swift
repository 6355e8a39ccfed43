import Glibc
import JobStore
import Runner

extension ProgressView {
    /// Formats progress as one line, for logs.
    static func line(_ sample: RunSample) -> String {
        let (counts, run) = (sample.counts, sample.figures)
        let (done, wanted) = (counts.done, counts.wanted)
        let known = sample.isGrowing ? " known so far" : ""
        let left = sample.isGrowing ? "for these" : "left"
        var parts = [
            "\(Format.count(done))/\(Format.count(wanted))\(known) (\(Format.percent(done, of: wanted)))",
            "\(Format.count(Int(run.rateNow)))/s",
            "average \(Format.count(Int(run.rateAverage)))/s",
            sample.timeLeft.map { "\(Format.duration($0)) \(left)" } ?? "no estimate",
            "\(Format.count(counts.failed)) failed",
            "\(Format.count(counts.retrying)) retrying",
            "\(Format.count(run.inFlight)) in flight",
            Format.megabytes(run.residentBytes),
        ]
        if counts.cancelled > 0 { parts.append("\(Format.count(counts.cancelled)) cancelled") }
        if let followed = run.followed { parts.append("found \(Format.count(followed.added))") }
        parts += notices(run)
        return parts.joined(separator: ", ")
    }

    /// The fields of progress in a log of JSON.
    static func fields(_ sample: RunSample) -> [String: RunLog.Value] {
        let (counts, run) = (sample.counts, sample.figures)
        func rounded(_ number: Double) -> RunLog.Value { .double((number * 10).rounded() / 10) }
        var fields: [String: RunLog.Value] = [
            "phase": .text(run.phase.rawValue), "done": .int(counts.done),
            "wanted": .int(counts.wanted), "completed": .int(counts.completed),
            "failed": .int(counts.failed), "retrying": .int(counts.retrying),
            "rate": rounded(run.rateNow), "rate_average": rounded(run.rateAverage),
            "eta_s": sample.timeLeft.map { rounded($0.seconds) } ?? .null,
            "in_flight": .int(run.inFlight), "workers": .int(run.workers),
            "bytes": .int(run.measures.requests.receivedBytes),
            "rss_bytes": .int(run.residentBytes),
        ]
        if let followed = run.followed {
            fields["found"] = .int(followed.added)
            fields["left_out"] = .int(followed.leftOut)
        }
        return fields
    }

    /// Formats progress as a few lines for a terminal. Numbers are laid out to fit `columns`;
    /// sentences may be longer.
    ///
    /// - Parameter sample: The last sample; `nil` before the first.
    static func lines(
        _ sample: RunSample?, _ stopping: Stopping? = nil, columns: Int,
        colour: Bool = Terminal.allowsColour, now: ContinuousClock.Instant = .now
    ) -> [String] {
        guard let sample else { return stopping.map { [text(of: $0, now: now)] } ?? [] }
        let (counts, run) = (sample.counts, sample.figures)
        let speed = [
            "\(Format.count(Int(run.rateNow)))/s now",
            "\(Format.count(Int(run.rateAverage)))/s average",
            sample.timeLeft.map {
                "\(Format.duration($0)) \(sample.isGrowing ? "for these" : "left")"
            } ?? "no estimate yet",
        ]
        let load = [
            "\(Format.count(run.inFlight)) in flight",
            "\(Format.megabytes(run.residentBytes)) of memory",
        ]
        var lines = bar(counts, sample.isGrowing, columns: columns, colour: colour)
        if let stopping { lines.append(text(of: stopping, now: now)) }
        lines += notices(run)
        lines += Layout.flowed(speed, columns: columns)
        lines += Layout.flowed(load, columns: columns)
        if let followed = run.followed {
            lines.append(Layout.shortened(followed.pieces, columns: columns))
        }
        return lines + outcomes(counts, columns: columns)
    }

    /// The reasons that a run does not move on as usual, one line each.
    static func notices(_ run: RunFigures, isPaused: Bool = true) -> [String] {
        var notices =
            (isPaused ? run.pausedMicros : nil).map {
                [
                    "paused, \(Format.duration(.microseconds($0))): nothing is sent until: runner resume"
                ]
            } ?? []
        notices += run.troubles.prefix(3).map { trouble in
            let since = Format.duration(trouble.duration)
            return Terminal.escaped("\(trouble.name), \(since): \(trouble.advice)")
        }
        if run.troubleCount > 3 {
            notices.append("and for \(Format.count(run.troubleCount - 3)) more hosts")
        }
        // Not for the short waits there are between any two attempts.
        if let until = run.waitingUntilMicros, run.pausedMicros == nil,
            until / 1_000_000 - time(nil) >= 5
        {
            notices.append("waiting until \(Timestamp.timeOfDay(until)) for the next retry")
        }
        return notices
    }

    static func text(of stopping: Stopping, now: ContinuousClock.Instant) -> String {
        switch stopping {
        case .finishing(let until):
            let left = Format.decimal(max(0, (until - now).seconds.rounded(.up)))
            return
                "finishing the requests in flight, for \(left) s at most; once more to stop now"
        case .now: return "stopping now"
        }
    }

    /// A bar and its numbers, or the numbers alone where `columns` is too narrow for both.
    private static func bar(
        _ counts: QueueCounts, _ isGrowing: Bool, columns: Int, colour: Bool
    ) -> [String] {
        let (done, wanted) = (counts.done, counts.wanted)
        let numbers = [
            Format.percent(done, of: wanted),
            "\(Format.count(done)) / \(Format.count(wanted))\(isGrowing ? " known" : "")",
        ]
        let text = " " + numbers.joined(separator: "  ")
        let width = min(60, columns - text.count)
        guard width >= 10 else { return Layout.flowed(numbers, columns: columns) }
        let share = wanted > 0 ? Double(done) / Double(wanted) : 1
        let filled = min(width, Int(Double(width) * share))
        let bar = String(repeating: "━", count: filled)
        let rest = String(repeating: "─", count: width - filled)
        return [(colour ? "\u{1B}[32m\(bar)\u{1B}[0;2m\(rest)\u{1B}[0m" : bar + rest) + text]
    }

    /// One line for each state: the number of its jobs, and their outcomes, most frequent first.
    private static func outcomes(_ counts: QueueCounts, columns: Int) -> [String] {
        var names = [Outcome.State.completed, .failed, .retrying]
        if counts.cancelled > 0 { names.append(.cancelled) }
        let states = names.map { state in counts.outcomes.filter { $0.state == state } }
        let totals = states.map { Format.count($0.reduce(0) { $0 + $1.count }) }
        let width = totals.map(\.count).max() ?? 0
        return zip(names, zip(states, totals)).map { state, row in
            let name = state.rawValue
            let gap = String(repeating: " ", count: 11 + width - name.count - row.1.count)
            // Being cancelled is no outcome of an attempt.
            let groups = state == .cancelled ? [] : row.0
            let texts = groups.map { "\($0.label): \(Format.count($0.count))" }
            return Layout.shortened([name + gap + row.1] + texts, columns: columns)
        }
    }
}
