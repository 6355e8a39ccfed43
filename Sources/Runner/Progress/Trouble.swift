internal import Glibc
internal import JobStore

/// Trouble with a host that is out of reach, or with this machine. Attempts made meanwhile do not
/// count.
public struct Trouble: Codable, Sendable, Equatable {
    /// The kind of trouble, which tells what can be done about it, where anything can.
    public enum Kind: String, Codable, Sendable, Equatable {
        /// The host cannot be reached.
        case host
        /// The host's certificate is not trusted.
        case certificate
        /// This machine has no more open files to give.
        case openFiles
        /// The certificates to trust cannot be read.
        case authorities
        /// The proxy cannot be reached, or does not do its work.
        case proxy
        /// The proxy asks for credentials, or refuses those that it got.
        case proxyCredentials
        /// Another trouble of this machine.
        case machine
    }

    public let kind: Kind
    /// Scheme, host and port; empty where the trouble is this machine's.
    public let host: String
    /// The message of libcurl, of the name servers or of the system.
    public let message: String
    private let durationMicros: Int

    public var duration: Duration { .microseconds(durationMicros) }

    init(kind: Kind, host: String, message: String, duration: Duration) {
        self.kind = kind
        self.host = host
        self.message = message
        durationMicros = duration.microseconds
    }

    init(_ trouble: JobFeed.Outage, at now: Now) {
        let (kind, message): (Kind, String) =
            switch trouble.machineTrouble {
            case .system(EMFILE), .system(ENFILE): (.openFiles, "out of open files")
            case .system(ENOENT): (.authorities, "the certificates to trust cannot be read")
            case .system(let number): (.machine, Errno(number).description)
            case .proxy: (.proxy, trouble.message)
            case .proxyCredentials: (.proxyCredentials, trouble.message)
            case nil:
                (trouble.message.contains("certificate") ? .certificate : .host, trouble.message)
            }
        self.init(
            kind: kind, host: trouble.host, message: message,
            duration: .microseconds(max(0, now.monotonicMicros - trouble.sinceMicros)))
    }

    /// The trouble in one line, the host first.
    public var sentence: String {
        let what = message.isEmpty ? "cannot be reached" : message
        return host.isEmpty ? what : "\(host): \(what)"
    }
}
