import ArgumentParser
import Glibc
import JobStore
import Links
import Runner

/// The options of what is made of responses, and of the requests that they lead to.
struct HandlerFlags: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Have each response handled by processes of this command, which speak JSON lines (docs/HANDLERS.md).",
            valueName: "command"))
    var handler: String?

    @Option(
        help: ArgumentHelp("Processes of --handler at once (default: one a core).", valueName: "n"))
    var handlers: Int?

    @Option(
        name: .customLong("handler-timeout"),
        help: ArgumentHelp("The time that a handler may take for a response.", valueName: "seconds")
    )
    var handlerTimeout = Seconds(ProcessHandlerOptions(command: "").answerTimeLimit)

    @Flag(
        name: .customLong("follow-found"),
        help: "Fetch the requests that --handler names, too, each once.")
    var followFound = false

    @Flag(name: .customLong("follow-links"), help: "Follow the links of pages of HTML.")
    var followLinks = false

    @Flag(
        name: .customLong("follow-sitemaps"),
        help: "Follow the pages that sitemaps name, and the sitemaps that indexes name.")
    var followSitemaps = false

    @Option(
        name: .customLong("follow-match"), parsing: .singleValue,
        help: ArgumentHelp(
            "Follow only URLs that this extended regular expression matches; may be repeated.",
            valueName: "regex"))
    var followMatch: [String] = []

    @Option(
        name: .customLong("follow-skip"), parsing: .singleValue,
        help: ArgumentHelp("Follow no URLs that this matches; may be repeated.", valueName: "regex")
    )
    var followSkip: [String] = []

    @Flag(
        name: .customLong("next-link"),
        help: "Follow the next page that the header field Link names.")
    var nextLink = false

    @Option(
        name: .customLong("next-json"),
        help: ArgumentHelp(
            "Follow the next page that a JSON body names at this pointer: /paging/next.",
            valueName: "pointer"))
    var nextJSON: String?

    @Option(
        name: .customLong("next-url"),
        help: ArgumentHelp(
            "The URL that a value of --next-json is put into, as {}, where it is none itself.",
            valueName: "url"))
    var nextURL: String?

    @Option(
        name: .customLong("each-json"),
        help: ArgumentHelp(
            "Follow each item that a JSON body lists at this pointer: '/items/*/id'.",
            valueName: "pointer"))
    var eachJSON: String?

    @Option(
        name: .customLong("each-url"),
        help: ArgumentHelp(
            "The URL that a value of --each-json is put into, as {}.", valueName: "url"))
    var eachURL: String?

    @Option(
        help: ArgumentHelp(
            "Where what is followed may lead: below the same path (prefix), to the same host, domain, or any.",
            valueName: "reach"))
    var scope: Scope.Reach?

    @Option(help: ArgumentHelp("Follow so many steps from what was enqueued.", valueName: "n"))
    var depth: Int?

    @Option(
        name: .customLong("max-jobs"),
        help: ArgumentHelp(
            "Queue so many of the requests that the jobs of a batch lead to.", valueName: "n"))
    var maxJobs: Int?

    @Option(
        name: .customLong("max-jobs-per-host"),
        help: ArgumentHelp("Queue so many of these of one host.", valueName: "n"))
    var maxJobsPerHost: Int?

    func validate() throws {
        if handler == nil {
            guard handlers == nil, !followFound else {
                throw ValidationError(
                    "\(followFound ? "--follow-found" : "--handlers") goes with --handler COMMAND")
            }
        }
        guard handlers ?? 1 >= 1, handlers ?? 1 <= 1000 else {
            throw ValidationError("--handlers is \(handlers!); give 1 to 1000")
        }
        guard handlerTimeout.duration > .zero else {
            throw ValidationError("--handler-timeout is 0; give a time, for example 60")
        }
        guard nextURL == nil || nextJSON != nil, eachURL == nil || eachJSON != nil else {
            throw ValidationError(
                "\(nextURL != nil && nextJSON == nil ? "--next-url goes with --next-json" : "--each-url goes with --each-json"), which says where the values are"
            )
        }
        guard depth ?? 1 >= 1, maxJobs ?? 1 >= 1, maxJobsPerHost ?? 1 >= 1 else {
            throw ValidationError("--depth, --max-jobs and --max-jobs-per-host are 1 at least")
        }
        let rules = try rules()
        let follows = !rules.isEmpty || followFound
        let needsIt = [
            ("--follow-match", !followMatch.isEmpty), ("--follow-skip", !followSkip.isEmpty),
            ("--scope", scope != nil), ("--depth", depth != nil), ("--max-jobs", maxJobs != nil),
            ("--max-jobs-per-host", maxJobsPerHost != nil),
        ]
        if !follows, let idle = needsIt.first(where: \.1) {
            throw ValidationError(
                "\(idle.0) is for what is followed: give --follow-links, --follow-sitemaps, --next-link, --next-json, --each-json, or --handler with --follow-found"
            )
        }
        do {
            _ = try Scope(.any, match: followMatch, skip: followSkip)
        } catch {
            throw ValidationError(error.description)
        }
    }

    private func rules() throws -> FollowRules {
        var rules = FollowRules()
        rules.links = followLinks
        rules.sitemaps = followSitemaps
        rules.nextLink = nextLink
        do {
            if let nextJSON { rules.places.append(try .init(nextJSON, url: nextURL)) }
            if let eachJSON { rules.places.append(try .init(eachJSON, url: eachURL)) }
        } catch let fault as JSONPointerFault {
            throw ValidationError("\(fault); it looks like /paging/next or '/items/*/id'")
        } catch let fault as RequestTemplate.Malformed {
            throw ValidationError("\(fault)")
        }
        return rules
    }

    /// The requests to follow; `nil` when none are.
    func followOptions() throws -> FollowOptions? {
        guard try followFound || !rules().isEmpty else { return nil }
        var options = FollowOptions()
        options.reach = scope ?? .host
        options.match = followMatch
        options.skip = followSkip
        options.depthMax = depth ?? .max
        options.jobsMax = maxJobs ?? .max
        options.jobsOfHostMax = maxJobsPerHost
        return options
    }

    /// Makes the handler of a run; `nil` when responses are not handled.
    ///
    /// - Parameters:
    ///   - agent: The name of the crawler (`RobotsOptions.agent`).
    ///   - tell: Told what processes say on their standard error, a line each.
    func makeHandler(
        agent: String, tell: @escaping @Sendable (String) -> Void
    ) throws -> (any ResponseHandler)? {
        var rules = try rules()
        rules.agent = agent
        let cores = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        var processes: ProcessHandler?
        if let handler {
            var options = ProcessHandlerOptions(command: handler, processes: handlers ?? cores)
            options.answerTimeLimit = handlerTimeout.duration
            processes = try ProcessHandler(options) { process, line in
                tell("handler \(process): \(line)")
            }
        }
        guard !rules.isEmpty else { return processes }
        return FollowingHandler(
            rules, beside: processes, followsInner: followFound, cores: cores)
    }
}
