import ArgumentParser
import JobStore
import Runner

/// The options of `run` for servers that push back.
struct PolitenessFlags: ParsableArguments {
    @Option(
        name: .customLong("per-host"), parsing: .unconditional,
        help: ArgumentHelp(
            "Requests in flight at once to one host; 0 for no bound. (default: 8 for lists of several hosts, none where all jobs have one)",
            valueName: "n"))
    var perHost: Int?

    @Option(
        help: ArgumentHelp(
            "The most requests, of all runs of the queue together: 500/s, 100/m, 5000/h or 100000/d.",
            valueName: "rate"))
    var rate: Rate?

    @Option(
        name: .customLong("host-rate"),
        help: ArgumentHelp("The most requests to one host, as --rate.", valueName: "rate"))
    var hostRate: Rate?

    @Option(
        help: ArgumentHelp(
            "The time between two requests to one host, half as much more or less by chance.",
            valueName: "seconds"))
    var delay: Seconds?

    @Option(
        help: ArgumentHelp(
            "A file of limits by host (docs/CLI.md).", valueName: "file", visibility: .default))
    var limits: String?

    @Flag(
        name: .customLong("no-adapt"),
        help: "Do not slow down for hosts that refuse requests: they are yours.")
    var noAdapt = false

    @Flag(
        name: .customLong("no-streak-stop"),
        help: "Go on when a host answers nothing but 401, 403 or 407.")
    var noStreakStop = false

    func validate() throws {
        guard perHost ?? 0 >= 0 else {
            throw ValidationError(
                "--per-host is \(perHost ?? 0); give a number of requests, or 0 for no bound")
        }
    }

    func apply(to options: inout CrawlOptions) throws {
        options.perHost = perHost.map { $0 == 0 ? .unbounded : .jobs($0) } ?? .lists
        var politeness = PolitenessOptions()
        politeness.adapts = !noAdapt
        politeness.stopsOnDenials = !noStreakStop
        politeness.rate = rate
        politeness.limits = HostLimits(rate: hostRate, delay: delay?.duration)
        politeness.rules = try limits.map(LimitsFile.rules(at:)) ?? []
        options.politeness = politeness
    }
}
