import ArgumentParser
import Runner

/// The options of fetching lists; their names are curl's, and `run`'s.
struct ListTransportOptions: ParsableArguments {
    @OptionGroup var proxies: ProxyOptions
    @OptionGroup var addresses: AddressOptions

    @Flag(name: [.customShort("k"), .customLong("insecure")], help: "Accept any TLS certificate.")
    var isInsecure = false

    @Option(
        help: ArgumentHelp(
            "Certificates (PEM) to trust instead of the system's.", valueName: "file"))
    var cacert: String?

    /// The options that are given.
    var given: [String] {
        proxies.given
            + [
                isInsecure ? "--insecure" : nil, cacert.map { _ in "--cacert" },
                addresses.allowsPrivate ? "--allow-private" : nil,
            ].compactMap(\.self)
    }

    func validate() throws { try RequestOptions.check(cacert: cacert) }

    func transport() throws -> ListTransport {
        var options = FetchOptions()
        options.isInsecure = isInsecure
        options.caFile = cacert
        options.proxies = try proxies.choice().rules
        addresses.apply(to: &options)
        options.userAgent = "runner/\(RunnerCommand.version)"
        return ListTransport(options)
    }
}
