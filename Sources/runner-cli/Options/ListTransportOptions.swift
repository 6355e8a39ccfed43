import ArgumentParser
import Runner

/// The options of fetching lists; their names are curl's, and `run`'s.
struct ListTransportOptions: ParsableArguments {
    @OptionGroup var proxies: ProxyOptions
    @OptionGroup var addresses: AddressOptions

    @OptionGroup var trust: TrustOptions

    /// The options that are given.
    var given: [String] {
        proxies.given + trust.given + (addresses.allowsPrivate ? ["--allow-private"] : [])
    }

    func transport() throws -> ListTransport {
        var options = FetchOptions()
        trust.apply(to: &options)
        options.proxies = try proxies.choice().rules
        addresses.apply(to: &options)
        options.userAgent = "runner/\(RunnerCommand.version)"
        return ListTransport(options)
    }
}
