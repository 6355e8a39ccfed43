import ArgumentParser
import Glibc
import JobStore
import Synchronization

/// The form of the lines on stderr.
enum LogFormat: String, ExpressibleByArgument, CaseIterable {
    case text, json
}

/// Lines on stderr about what happens, where there is no live view: a time, a level and a text, or an
/// object of JSON; for the journal of systemd with the priority that it reads. The fields are a
/// contract (docs/CLI.md).
struct RunLog: Sendable {
    enum Level: String, Sendable {
        case info, warning, error

        /// As of syslog(3).
        fileprivate var priority: Int {
            switch self {
            case .info: 6
            case .warning: 4
            case .error: 3
            }
        }
    }

    /// The kinds of events.
    enum Event: String, Sendable {
        case start, note, progress, trouble, paused, resumed, limits, stopping, end, error
        case troubleOver = "trouble_over"
    }

    /// A value of an event in JSON.
    enum Value: Encodable, Sendable {
        case int(Int)
        case double(Double)
        case text(String)
        case document(LimitsDocument)
        case null

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .int(let number): try container.encode(number)
            case .double(let number): try container.encode(number)
            case .text(let text): try container.encode(text)
            case .document(let document): try container.encode(document)
            case .null: try container.encodeNil()
            }
        }
    }

    let format: LogFormat
    /// Whether stderr is the journal's.
    let isJournal: Bool

    private static let shared = Locked(RunLog(format: .text))

    /// The log of this process.
    static var current: RunLog { shared.withLock(\.self) }

    /// Has all lines from now on be in a format.
    static func use(_ format: LogFormat) { shared.withLock { $0 = RunLog(format: format) } }

    init(format: LogFormat, isJournal: Bool = RunLog.isJournal(STDERR_FILENO)) {
        self.format = format
        self.isJournal = isJournal
    }

    func say(
        _ event: Event, _ level: Level = .info, _ message: String, _ fields: [String: Value] = [:]
    ) {
        Terminal.say(line(event, level, message, fields, at: SystemClock.unixMicros()))
    }

    /// Says an error that ends the program.
    func complain(_ message: String) {
        guard format == .text else { return say(.error, .error, message) }
        Terminal.say((isJournal ? "<\(Level.error.priority)>" : "") + "runner: \(message)")
    }

    /// - Parameter atMicros: The Unix time in µs.
    func line(
        _ event: Event, _ level: Level, _ message: String, _ fields: [String: Value] = [:],
        at atMicros: Int
    ) -> String {
        let priority = isJournal ? "<\(level.priority)>" : ""
        let time = Timestamp.text(atMicros)
        switch format {
        // The journal keeps times and priorities itself.
        case .text where isJournal: return priority + message
        case .text: return "\(time) \(level.rawValue) \(message)"
        case .json:
            var all = fields
            all["time"] = .text(time)
            all["level"] = .text(level.rawValue)
            all["event"] = .text(event.rawValue)
            all["message"] = .text(message)
            // Numbers and texts can always be written.
            return priority + ((try? JSON.text(all)) ?? "{}")
        }
    }

    /// Whether a stream is connected to the journal, which says so by the device and the inode of
    /// the stream: it may have been redirected since. See sd-daemon(3), systemd.exec(5).
    static func isJournal(
        _ descriptor: Int32,
        named name: String? = getenv("JOURNAL_STREAM").map { String(cString: $0) }
    ) -> Bool {
        let numbers = (name ?? "").split(separator: ":", omittingEmptySubsequences: false)
        guard numbers.count == 2, let device = UInt64(numbers[0]), let inode = UInt64(numbers[1])
        else { return false }
        var status = stat()
        return fstat(descriptor, &status) == 0 && UInt64(status.st_dev) == device
            && UInt64(status.st_ino) == inode
    }
}
