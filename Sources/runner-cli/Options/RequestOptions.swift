import ArgumentParser
import Runner

/// The values of `--on-large`.
enum LargeBody: String, ExpressibleByArgument, CaseIterable { case cut, fail }

/// The options of requests; most of their names are curl's.
struct RequestOptions: ParsableArguments {
    private static let standard = FetchOptions()

    @Option(
        name: .customLong("connect-timeout"),
        help: ArgumentHelp("Until the connection stands, TLS included.", valueName: "seconds"))
    var connectTimeout = Seconds(Self.standard.connectTimeout)

    @Option(
        name: .customLong("max-time"),
        help: ArgumentHelp(
            "Until the response is whole, redirects included (default: \(Seconds(Self.standard.timeout).defaultValueDescription), or none with a speed limit).",
            valueName: "seconds"))
    var maxTime: Seconds?

    @Option(
        name: .customLong("speed-limit"),
        help: ArgumentHelp(
            "The least bytes a second of a response (default: none; 1 with --speed-time).",
            valueName: "bytes"))
    var speedLimit: ByteCount?

    @Option(
        name: .customLong("speed-time"),
        help: ArgumentHelp(
            "How long a response may be slower (default: 30 with --speed-limit).",
            valueName: "seconds"))
    var speedTime: Seconds?

    @Flag(help: "Ask for compressed bodies (the default).")
    var compressed = false

    @Flag(help: "Ask for no compression, and keep bodies as they come.")
    var raw = false

    @Option(
        name: .customLong("max-redirs"), parsing: .unconditional,
        help: ArgumentHelp("Redirects followed for one job.", valueName: "number"))
    var maxRedirects = Self.standard.redirectsMax

    @Option(
        name: .customLong("max-head"),
        help: ArgumentHelp(
            "The most bytes of a response's header lines; k may follow.", valueName: "bytes"))
    var maxHead = ByteCount(Self.standard.headBytesMax)

    @Option(
        name: .customLong("max-body"),
        help: ArgumentHelp(
            "The most decoded bytes of a body; k, M and G may follow.", valueName: "bytes"))
    var maxBody = ByteCount(Self.standard.bodyBytesMax)

    @Option(
        name: .customLong("on-large"),
        help: ArgumentHelp(
            "What to do with a larger body: cut it, or fail its job.", valueName: "what"))
    var onLarge = Self.standard.cutsLargeBodies ? LargeBody.cut : .fail

    @OptionGroup var trust: TrustOptions

    @Option(
        name: .customLong("dns-servers"),
        help: ArgumentHelp(
            "Name servers to ask instead of the system's, with commas between.",
            valueName: "addresses"))
    var nameServers: String?

    @Option(
        help: ArgumentHelp(
            "Who looks names up: ares, without blocking, or the system's getaddrinfo.",
            valueName: "which"))
    var resolver = Self.standard.resolver

    func validate() throws {
        guard (1...FetchOptions.headBytesCeiling).contains(maxHead.bytes) else {
            throw ValidationError(
                "--max-head is \(maxHead.bytes); give a number from 1 to \(ByteCount(FetchOptions.headBytesCeiling).defaultValueDescription), which is as much as libcurl takes"
            )
        }
        if let nameServers, !FetchOptions.areNameServers(nameServers) {
            throw ValidationError(
                "--dns-servers is '\(nameServers)'; give addresses with commas between, for example 1.1.1.1,[2606:4700::1111]:53"
            )
        }
        guard nameServers == nil || resolver == .ares else {
            throw ValidationError("--dns-servers goes with --resolver ares, which asks them")
        }
        guard (0...1000).contains(maxRedirects) else {
            throw ValidationError("--max-redirs is \(maxRedirects); give a number from 0 to 1000")
        }
        if compressed, raw {
            throw ValidationError("--compressed and --raw contradict each other; give one of them")
        }
    }

    var fetchOptions: FetchOptions {
        var options = FetchOptions()
        options.connectTimeout = connectTimeout.duration
        if speedLimit != nil || speedTime != nil {
            options.speedLimit = SpeedLimit(
                bytesPerSecond: speedLimit?.bytes ?? 1,
                duration: speedTime?.duration ?? .seconds(30))
            // As good as none: the speed decides.
            options.timeout = .seconds(31_536_000)
        }
        if let maxTime { options.timeout = maxTime.duration }
        options.isRaw = raw
        options.redirectsMax = maxRedirects
        options.headBytesMax = maxHead.bytes
        options.nameServers = nameServers
        options.resolver = resolver
        options.bodyBytesMax = maxBody.bytes
        options.cutsLargeBodies = onLarge == .cut
        trust.apply(to: &options)
        options.userAgent = "runner/\(RunnerCommand.version)"
        return options
    }
}
