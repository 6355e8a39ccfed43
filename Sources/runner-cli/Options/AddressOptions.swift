import ArgumentParser
import Runner

/// The option of which addresses may be connected to.
struct AddressOptions: ParsableArguments {
    @Flag(
        name: .customLong("allow-private"),
        help:
            "Follow redirects from public to private, loopback and link-local addresses, and names that change so."
    )
    var allowsPrivate = false

    func apply(to options: inout FetchOptions) { options.allowsInward = allowsPrivate }
}
