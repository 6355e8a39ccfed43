import ArgumentParser
import Glibc
import Runner

/// The options of the machine and its network; their names are curl's.
struct NetworkOptions: ParsableArguments {
    @OptionGroup var proxies: ProxyOptions
    @OptionGroup var addresses: AddressOptions

    @Option(
        help: ArgumentHelp(
            "Connect from this interface, or from this address of the machine.", valueName: "name"))
    var interface: String?

    @Option(
        name: .customLong("resolve"),
        help: ArgumentHelp(
            "Connect to these addresses for a host and port; may be given several times.",
            valueName: "host:port:address[,address]"))
    var pinned: [String] = []

    @Flag(name: [.customShort("4"), .customLong("ipv4")], help: "Connect by IPv4 alone.")
    var isIPv4 = false

    @Flag(name: [.customShort("6"), .customLong("ipv6")], help: "Connect by IPv6 alone.")
    var isIPv6 = false

    @Flag(name: .customLong("http1.1"), help: "Do not offer HTTP/2 by HTTPS.")
    var isHTTP1 = false

    @Flag(name: .customLong("http2"), help: "Offer HTTP/2 by HTTPS (the default).")
    var isHTTP2 = false

    @Option(
        name: [.customShort("E"), .long],
        help: ArgumentHelp(
            "A certificate (PEM) to show to servers that ask for one.",
            valueName: "file[:password]"))
    var cert: String?

    @Option(
        help: ArgumentHelp("The certificate's key, if it is in another file.", valueName: "file"))
    var key: String?

    func validate() throws {
        if isIPv4, isIPv6 { throw ValidationError("-4 and -6 leave no address; give one of them") }
        if isHTTP1, isHTTP2 {
            throw ValidationError("--http1.1 and --http2 contradict each other; give one of them")
        }
        if key != nil, cert == nil {
            throw ValidationError("--key goes with --cert, which names the certificate")
        }
        // Found out here, not by failing each job.
        var options = FetchOptions()
        try apply(to: &options)
        do {
            try options.clientCertificate?.check()
        } catch {
            throw ValidationError("\(error.description); \(Self.cure(for: error))")
        }
    }

    private static func cure(for fault: CertificateFault) -> String {
        switch fault.code {
        case .unreadable, .noCertificate: "name a PEM file with --cert, and its key with --key"
        case .noKey: "name the key's file with --key, and its password with --cert file:password"
        case .otherKey: "name the certificate's own key with --key"
        }
    }

    /// Sets what the options say, but for the proxies.
    func apply(to options: inout FetchOptions) throws {
        if let interface {
            do {
                options.interface = try NetworkInterface(interface)
            } catch {
                throw ValidationError(
                    "--interface '\(interface)' \(error.description); give one that 'ip address' lists, or an address there"
                )
            }
        }
        for text in pinned {
            do {
                try options.pinned.add(text)
            } catch {
                throw ValidationError(
                    "--resolve '\(text)' \(error.description); write it as example.com:443:192.0.2.1,[2001:db8::1]"
                )
            }
        }
        options.family = isIPv4 ? .ipv4 : isIPv6 ? .ipv6 : .any
        options.asksForHTTP2 = !isHTTP1
        options.clientCertificate = clientCertificate
        addresses.apply(to: &options)
    }

    /// The files of the certificate. A colon or backslash in the certificate's name has a backslash
    /// before it, as in curl.
    private var clientCertificate: ClientCertificateFiles? {
        guard let cert else { return nil }
        var name = ""
        var rest = cert[...]
        while let character = rest.popFirst(), character != ":" {
            let next = rest.first
            name.append(
                character == "\\" && (next == ":" || next == "\\") ? rest.removeFirst() : character)
        }
        return ClientCertificateFiles(certificate: name, key: key, password: String(rest))
    }
}
