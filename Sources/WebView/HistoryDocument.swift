internal import JobStore
internal import Runner

/// The course of a run, its failures and the list of queues as JSON. Pure.
enum HistoryDocument {
    /// - Parameter span: `seconds`, `ten-seconds` or `minutes`.
    /// - Returns: `nil` for any other span.
    static func text(_ history: RunHistory, span: String) -> [UInt8]? {
        let points: [RunHistory.Point]
        switch span {
        case "seconds": points = history.seconds.suffix(300)
        case "ten-seconds": points = history.tenSeconds.suffix(360)
        case "minutes": points = history.minutes.suffix(1440)
        default: return nil
        }
        var writer = JSONWriter(capacity: points.count * 128)
        writer.array(points) { write($1, &$0) }
        return writer.bytes
    }

    /// Writes a stretch as a list, which is short: its end, length, attempts completed, retried and
    /// failed, bytes, requests in flight, p50 and p99 in µs, and the attempts by how long they took.
    static func write(_ point: RunHistory.Point, _ writer: inout JSONWriter) {
        let numbers = [
            point.completed, point.retried, point.failed, point.bytes, point.inFlight,
            point.p50Micros, point.p99Micros,
        ]
        writer.array(0..<10) { writer, index in
            switch index {
            case 0: writer.value(point.at)
            case 1: writer.value(point.seconds)
            case 2...8: writer.value(numbers[index - 2])
            default: writer.array(point.durations)
            }
        }
    }

    /// The failures, the latest first.
    static func text(_ failures: [AttemptFailure]) -> [UInt8] {
        var writer = JSONWriter(capacity: failures.count * 200)
        writer.array(failures.reversed()) { writer, failure in
            writer.object { writer in
                writer.member("at_us", failure.endedAtMicros)
                writer.member("batch", failure.batch)
                writer.member("id", failure.id)
                writer.member("url", failure.url.shortened)
                writer.member("attempt", failure.attempt)
                writer.member("outcome", failure.outcome)
                writer.member("retried", failure.isRetried)
                writer.member("message", failure.message.shortened)
            }
        }
        return writer.bytes
    }

    static func text(_ queues: [any WatchedQueue]) -> [UInt8] {
        var writer = JSONWriter()
        writer.array(queues) { writer, queue in
            let (facts, latest) = (queue.facts, queue.monitor.read { $0.latest })
            writer.object { writer in
                writer.member("queue", queue.title)
                writer.member("state", facts.state.rawValue)
                writer.member("paused", facts.isPaused)
                writer.member("unreadable", facts.trouble)
                writer.member("total", latest?.counts.wanted)
                writer.member("completed", latest?.counts.completed)
                writer.member("failed", latest?.counts.failed)
                writer.member(
                    "rate_now", facts.pid == nil ? nil : latest?.figures.rateNow)
            }
        }
        return writer.bytes
    }
}

extension String {
    /// The text, cut where it is longer than a page can show: URLs have up to megabytes.
    var shortened: String {
        let max = 2000
        return utf8.count <= max ? self : String(prefix(max)) + "…"
    }
}
