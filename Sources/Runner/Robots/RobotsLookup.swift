internal import Glibc
internal import JobStore

/// Asks an origin for its robots.txt outside of a run, for people to look at.
public struct RobotsLookup: Sendable {
    private let transport: ListTransport
    private let agent: String

    /// The most redirects that are followed.
    private static let redirectsMax = 5

    /// - Parameters:
    ///   - transport: The way to the origin. There is one attempt.
    ///   - agent: The product token of the crawler.
    public init(_ transport: ListTransport, agent: String) {
        self.transport = transport
        self.agent = agent
    }

    /// Returns the rules of a URL's origin, and the one about the URL. Blocks its thread meanwhile.
    ///
    /// - Throws: `.badURL`, or `.unreachable` where a run would wait and ask again.
    public func answer(about url: String) throws(RobotsError) -> RobotsAnswer {
        var options = transport.options
        options.redirectsMax = Self.redirectsMax
        var parsed = RequestURL()
        guard ListTransport.isURL(url),
            parsed.isSet(to: Array(url.utf8), TransferSettings(options)),
            let origin = parsed.endpoint()?.host
        else {
            throw RobotsError(
                .badURL, "'\(url)' is no URL with http or https; write it as https://example.com/")
        }
        let place = origin.text + "/robots.txt"
        var answer = RobotsAnswer(agent: agent, robotsURL: place, target: parsed.target)
        do throws(BodyStream.Failure) {
            let stream = try BodyStream(
                place, options, transport.authorities, takesAnyStatus: true)
            answer.robotsURL = stream.finalURL
            answer.status = stream.status
            switch stream.status {
            case 200..<300: answer.take(RobotsFile(try Self.text(of: stream), for: agent))
            case _ where Judge.isWorthRetrying(stream.status):
                throw BodyStream.Failure(
                    problem: "answers with \(stream.status)", isWorthRetrying: true)
            default: break
            }
        } catch {
            if let status = error.unfollowed {
                answer.status = status
                answer.problem = error.problem
                return answer
            }
            throw RobotsError(.unreachable, "\(place) \(error.problem)")
        }
        return answer
    }

    private static func text(of stream: BodyStream) throws(BodyStream.Failure) -> [UInt8] {
        var text: [UInt8] = []
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
        defer { buffer.deallocate() }
        while text.count <= RobotsFile.bytesMax {
            let count = try stream.read(into: buffer)
            if count == 0 { break }
            text.append(raw: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
        return text
    }
}

/// The part of an origin's robots.txt that concerns a crawler, and a URL.
public struct RobotsAnswer: Sendable {
    /// The groups that rules may come from.
    public enum Group: String, Sendable {
        /// Those that name the crawler.
        case agent
        /// The one of all crawlers, `*`.
        case all
        case none
    }

    /// The product token of the crawler.
    public let agent: String
    /// The place where the file was found, redirects followed.
    public fileprivate(set) var robotsURL: String
    /// The HTTP status of the answer. With another one than 2xx, everything is allowed.
    public fileprivate(set) var status = 0
    /// The reason why the last redirect was not followed, the end of a sentence that begins with
    /// `robotsURL`; `nil` when all were. Then there are no rules.
    public fileprivate(set) var problem: String?
    public fileprivate(set) var group = Group.none
    /// The rules in the order in which they are asked, in the form in which they are compared.
    public fileprivate(set) var rules: [String] = []
    /// The time between two requests that the origin asks for, a minute at most; `nil` for none.
    public fileprivate(set) var crawlDelay: Duration?
    /// The sitemaps that the file names, in its order.
    public fileprivate(set) var sitemaps: [String] = []
    /// Path and query of the URL.
    public let path: String
    /// Whether the URL is allowed.
    public fileprivate(set) var isAllowed = true
    /// The rule that decides about the URL; `nil` when there is none.
    public fileprivate(set) var rule: String?

    private let target: [UInt8]

    fileprivate init(agent: String, robotsURL: String, target: [UInt8]) {
        self.agent = agent
        self.robotsURL = robotsURL
        self.target = target
        path = String(decoding: target, as: UTF8.self)
    }

    fileprivate mutating func take(_ file: RobotsFile) {
        group =
            switch file.group {
            case .ofAgent: .agent
            case .ofAll: .all
            case .none: .none
            }
        rules = (0..<file.rules.count).map { file.rules[$0].line }
        crawlDelay =
            file.rules.crawlDelayMicros > 0 ? .microseconds(file.rules.crawlDelayMicros) : nil
        sitemaps = file.sitemaps
        let rule = file.rules.rule(for: target)
        self.rule = rule?.line
        isAllowed = rule?.isAllow ?? true
    }
}

/// The reason nothing is known of an origin's robots.txt.
public struct RobotsError: Error, Sendable, CustomStringConvertible {
    /// The kind of error. More kinds come with time, so this is not an enum to switch over
    /// exhaustively.
    public struct Code: Hashable, Sendable {
        private enum Kind { case badURL, unreachable }
        private let kind: Kind

        /// The text is no URL.
        public static let badURL = Code(kind: .badURL)
        /// The origin could not be asked, or gave no answer that counts.
        public static let unreachable = Code(kind: .unreachable)
    }

    public let code: Code
    public let description: String

    fileprivate init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}
