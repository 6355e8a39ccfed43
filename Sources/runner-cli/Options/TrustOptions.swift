import ArgumentParser
import Glibc
import Runner

/// The options of which TLS certificates are accepted; their names are curl's.
struct TrustOptions: ParsableArguments {
    @Flag(name: [.customShort("k"), .customLong("insecure")], help: "Accept any TLS certificate.")
    var isInsecure = false

    @Option(
        help: ArgumentHelp(
            "Certificates (PEM) to trust instead of the system's.", valueName: "file"))
    var cacert: String?

    /// The options that are given.
    var given: [String] {
        [isInsecure ? "--insecure" : nil, cacert.map { _ in "--cacert" }].compactMap(\.self)
    }

    /// Checks that the certificates can be read: found out here, not by failing each job.
    func validate() throws {
        guard let cacert, access(cacert, R_OK) != 0 else { return }
        throw ValidationError(
            "\(cacert) cannot be read (\(String(cString: strerror(errno)))); name a PEM file with --cacert"
        )
    }

    func apply(to options: inout FetchOptions) {
        options.isInsecure = isInsecure
        options.caFile = cacert
    }
}
