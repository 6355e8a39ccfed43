internal import Glibc
internal import JobStore
public import Lists
internal import Synchronization

/// Fetches lists, as a run fetches its jobs: with the same certificates, proxies and redirects.
public struct ListTransport: Sendable {
    let options: FetchOptions
    let authorities: AuthorityStore?
    /// Attempts after the first, of each list.
    var retries = 3
    var backoff = Backoff()
    /// Shared by all lists, so that a name that changes its mind is known.
    private let addressGuard: AddressGuard

    /// - Parameter options: Of these, those of connections, certificates, redirects and proxies
    ///   count; `timeout` bounds how long a server may say nothing, not how long a list may take.
    public init(_ options: FetchOptions = FetchOptions()) {
        self.options = options
        addressGuard = AddressGuard(isOff: options.allowsInward)
        authorities = options.isInsecure ? nil : AuthorityStore(file: options.caFile)
    }

    /// Whether a list of this name is to be fetched.
    public static func isURL(_ name: String) -> Bool {
        let name = name.prefix(8).lowercased()
        return name.hasPrefix("http://") || name.hasPrefix("https://")
    }

    /// A list to be fetched.
    ///
    /// - Parameters:
    ///   - isKeptOpen: Whether the response by which the list's identity was found is read on, so
    ///     that there is one request and not two. Until it is read it keeps a connection.
    ///   - index: The name of the list that names this one; `nil` when the user does. A list from a
    ///     public address may name none of a private network.
    public func list(
        at url: String, isKeptOpen: Bool = false, namedBy index: String? = nil
    ) -> ListSource {
        .origin(RemoteList(url, self, isKeptOpen: isKeptOpen, namedBy: index))
    }

    /// Asks for a list.
    ///
    /// - Parameter index: As in `list`.
    fileprivate func open(_ url: String, namedBy index: String?) throws(BodyStream.Failure)
        -> BodyStream
    {
        try BodyStream(
            url, options, authorities, addressGuard: addressGuard,
            ledFromPublic: index.map { isPublic($0) } ?? false)
    }

    /// Whether a list that was read came from a public address. By a proxy, which alone knows the
    /// address, every host is taken to be public whose text does not tell otherwise.
    private func isPublic(_ list: String) -> Bool {
        guard Self.isURL(list) else { return false }
        let key = HostKey(of: list)
        if options.proxies.proxy(for: key) != nil { return !AddressGuard.isInward(host: key.name) }
        return addressGuard.isKnownPublic(key.name)
    }
}

/// A list on a server.
private final class RemoteList: ByteOrigin {
    let name: String
    private let url: String
    private let transport: ListTransport
    private let isKeptOpen: Bool
    private let index: String?
    private let known = Locked(Known())

    private struct Known {
        var identity: ListIdentity?
        /// The stream that was opened to find the identity.
        var stream: RemoteStream?
    }

    init(_ url: String, _ transport: ListTransport, isKeptOpen: Bool, namedBy index: String?) {
        self.url = url
        self.index = index
        self.transport = transport
        self.isKeptOpen = isKeptOpen
        name = String(decoding: Array(url.utf8).withoutUser(), as: UTF8.self)
    }

    func open() throws(ListError) -> any ByteStream {
        let opened = known.withLock { known in
            defer { known.stream = nil }
            return known.stream
        }
        if let opened { return opened }
        return try RemoteStream(url, name, transport, namedBy: index)
    }

    /// The name, the size, and what the server says of the version, by ETag and Last-Modified.
    func identity() throws(ListError) -> ListIdentity? {
        if let identity = known.withLock({ $0.identity }) { return identity }
        let stream = try RemoteStream(url, name, transport, namedBy: index)
        let identity = ListIdentity(
            name: name, byteCount: stream.byteCount ?? 0, version: stream.version)
        known.withLock { known in
            known.identity = identity
            if isKeptOpen { known.stream = stream }
        }
        return identity
    }
}

/// The bytes of a list that is fetched. When the connection breaks, the list is asked for again from
/// its first byte, and read on where it broke if the bytes before are the same.
private final class RemoteStream: ByteStream, @unchecked Sendable {
    // @unchecked holds because a stream has one owner at a time: `RemoteList` gives it away under
    // its lock.
    private let url: String
    private let name: String
    private let transport: ListTransport
    private let index: String?
    private var body: BodyStream
    /// The number of failures so far.
    private var failures: Int
    /// The bytes that were handed on.
    private var handedOn = 0
    /// Of these bytes.
    private var checksum = CRC32()

    let byteCount: Int?
    let format: ListFormat?
    /// A text that differs from version to version of the list, as far as the server tells.
    let version: String

    /// - Parameter index: As in `ListTransport.list`.
    init(
        _ url: String, _ name: String, _ transport: ListTransport, namedBy index: String?
    ) throws(ListError) {
        var failures = 0
        let body = try Self.open(url, name, transport, index, &failures)
        self.index = index
        (self.url, self.name, self.transport) = (url, name, transport)
        (self.body, self.failures) = (body, failures)
        byteCount = body.byteCount
        let path = name.prefix { $0 != "?" && $0 != "#" }
        format =
            ListFormat(fileName: String(path))
            ?? body.field("Content-Type").flatMap { ListFormat(mediaType: $0) }
        version = "\(body.field("ETag") ?? "")\n\(body.field("Last-Modified") ?? "")"
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(ListError) -> Int {
        while true {
            do throws(BodyStream.Failure) {
                let count = try body.read(into: buffer)
                handedOn += count
                checksum.add(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                return count
            } catch {
                try beginAgain(after: error)
            }
        }
    }

    /// Asks for the list once more, and reads up to where it broke.
    private func beginAgain(after failure: BodyStream.Failure) throws(ListError) {
        var failure = failure
        while true {
            try Self.wait(after: failure, name, transport, &failures)
            body = try Self.open(url, name, transport, index, &failures)
            do throws(BodyStream.Failure) {
                if try skip() { return }
                throw BodyStream.Failure(
                    problem: "was changed while it was read", isWorthRetrying: false)
            } catch {
                failure = error
            }
        }
    }

    /// Reads past the bytes that were handed on.
    ///
    /// - Returns: Whether they are the same ones.
    private func skip() throws(BodyStream.Failure) -> Bool {
        var (left, again) = (handedOn, CRC32())
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
        defer { buffer.deallocate() }
        while left > 0 {
            let count = try body.read(into: .init(rebasing: buffer.prefix(left)))
            if count == 0 { return false }
            again.add(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            left -= count
        }
        return again.value == checksum.value
    }

    private static func open(
        _ url: String, _ name: String, _ transport: ListTransport, _ index: String?,
        _ failures: inout Int
    ) throws(ListError) -> BodyStream {
        while true {
            do throws(BodyStream.Failure) {
                return try transport.open(url, namedBy: index)
            } catch {
                try wait(after: error, name, transport, &failures)
            }
        }
    }

    /// Counts a failure, and waits as a job would before its next attempt.
    ///
    /// - Throws: When there is to be none.
    private static func wait(
        after failure: BodyStream.Failure, _ name: String, _ transport: ListTransport,
        _ failures: inout Int
    ) throws(ListError) {
        failures += 1
        guard failure.isWorthRetrying, failures <= transport.retries else {
            let tries = failures > 1 ? ", at the last of \(failures) tries" : ""
            throw ListError(
                failure.isForbidden ? .forbidden : .unfetched, name, failure.problem + tries)
        }
        var random = SystemRandomNumberGenerator()
        let micros = max(
            transport.backoff.waitMicros(afterAttempt: failures, using: &random),
            min(failure.retryAfter?.microseconds ?? 0, transport.backoff.waitMicrosMax))
        var time = timespec(
            tv_sec: micros / 1_000_000, tv_nsec: micros % 1_000_000 * 1000)
        // Cut short by a signal, the wait is a shorter one.
        nanosleep(&time, nil)
    }
}
