import ArgumentParser
import Glibc
import JobStore
import Runner
import WebView

/// The exit status of the program; the numbers are a contract (docs/CLI.md).
enum ExitStatus: Int32, Error {
    case done = 0
    case someFailed = 1
    case usage = 2
    case queue = 3
    case inUse = 4
    case stopped = 11
    case limit = 12

    /// Reports an error in one line, and returns the exit status for it.
    static func of(_ error: any Error) -> ExitStatus {
        switch error {
        case let status as ExitStatus:
            return status
        case let error as QueueError:
            Terminal.complain(error.sentence)
            return switch error.code {
            case .inUse, .busy: .inUse
            case .full: .limit
            case .nameTaken, .noBatch, .unsupported: .usage
            default: .queue
            }
        case let error as SinkError:
            Terminal.complain(error.sentence)
            return switch error.code {
            case .full: .limit
            case .usage: .usage
            case .io: .queue
            }
        case let error as RequestError:
            Terminal.complain(error.sentence)
            return .usage
        case let error as ImportError:
            Terminal.complain(error.sentence)
            return .usage
        case let error as RobotsError:
            Terminal.complain(Terminal.escaped(error.description))
            return error.code == .badURL ? .usage : .queue
        case let error as OutputError:
            Terminal.complain(error.description)
            return .queue
        case let error as ReportError:
            Terminal.complain(error.description)
            return .queue
        case let error as WebError:
            Terminal.complain(error.sentence)
            return .usage
        case let error as HandlerError:
            let cure =
                error.effect == .unfollowed
                ? "run again with --follow-found" : "run again to resume"
            Terminal.complain("\(Terminal.escaped(error.description)); \(cure)")
            return .limit
        case let error as LimitError:
            Terminal.complain(error.sentence)
            return .usage
        default:
            // Help, version and completions come this way too.
            guard RunnerCommand.exitCode(for: error) != .success else {
                do {
                    try Terminal.output(RunnerCommand.fullMessage(for: error))
                    return .done
                } catch {
                    return of(error)
                }
            }
            let lines = RunnerCommand.message(for: error).split(separator: "\n")
            // The parser's last line names the help of the command that was meant.
            let help = RunnerCommand.fullMessage(for: error).split(separator: "'")
                .last { $0.hasSuffix(" --help") }
            Terminal.complain(
                lines.joined(separator: " ") + " (see: \(help ?? "runner --help"))")
            return .usage
        }
    }

    static func exit(with status: ExitStatus) -> Never {
        Keyboard.end()
        Glibc.exit(status.rawValue)
    }
}
