internal import JobStore
internal import Synchronization

/// Decides which addresses the requests of a run may go to.
///
/// The URL of a job is its user's wish, wherever it leads: to this machine or its network, too. A
/// response is not. So a request must not go inward (`IPAddress.isInward`)
///
/// - when a response that came from a public address led to it, by any number of redirects, or
/// - when its host's name was seen at a public address before: the name has changed its mind.
///
/// Addresses are judged as they are connected to, so that no name can be one address when it is
/// looked at and another when it is used. Requests that go by a proxy are not judged by their
/// addresses: only the proxy knows them.
final class AddressGuard: Sendable {
    /// Whether every address may be connected to.
    let isOff: Bool
    private let publicNames = Locked(PublicNames())

    init(isOff: Bool = false) { self.isOff = isOff }

    /// Whether a request may go to an address.
    ///
    /// - Parameters:
    ///   - host: The host of the request's URL: a name, or an address.
    ///   - ledFromPublic: Whether a response that came from a public address led to the request.
    func allows(_ address: IPAddress, for host: String, ledFromPublic: Bool) -> Bool {
        if isOff || !address.isInward { return true }
        if ledFromPublic { return false }
        // A literal address cannot change its mind.
        return IPAddress(host) != nil || !isKnownPublic(host)
    }

    /// Whether a host is told by its text alone to lead inward.
    static func isInward(host: String) -> Bool {
        NameAnswer.local(host) != nil || IPAddress(host)?.isInward == true
    }

    /// Notes that a request is sent to a public address.
    func noteSent(to host: String) {
        guard !isOff, IPAddress(host) == nil else { return }
        publicNames.withLock { $0.note(host) }
    }

    /// Whether requests to a host were seen to go to a public address.
    func isKnownPublic(_ host: String) -> Bool {
        if let address = IPAddress(host) { return !address.isInward }
        return publicNames.withLock { $0.contains(host) }
    }
}

/// The names that requests of a run were sent to at public addresses. Takes 512 KB at most: of two
/// names that fall on one place, the later one counts, so that with more than some ten thousand
/// names a few are forgotten.
struct PublicNames {
    /// The number of places, a power of two.
    static let countMax = 65_536
    /// The hash of the name at each place; empty before the first name, 0 where there is none.
    private var hashes: [Int] = []

    mutating func note(_ name: String) {
        if hashes.isEmpty { hashes = [Int](repeating: 0, count: Self.countMax) }
        let hash = name.hashValue
        hashes[hash & (Self.countMax - 1)] = hash
    }

    func contains(_ name: String) -> Bool {
        guard !hashes.isEmpty else { return false }
        let hash = name.hashValue
        // A name whose hash is 0 is never known: of 2^64, one.
        return hash != 0 && hashes[hash & (Self.countMax - 1)] == hash
    }
}
