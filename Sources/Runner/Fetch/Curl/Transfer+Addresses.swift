internal import CCurl
internal import JobStore

/// The addresses that a request may go to (`AddressGuard`).
extension Transfer {
    /// The part that the address guard had in an attempt.
    enum AddressCheck {
        /// No connection was made, and none was refused.
        case none
        /// A connection to a public address is being made.
        case outward
        /// A connection to an inward address is being made, as it may be.
        case inward
        /// All addresses so far were refused.
        case refused
    }

    private var addressGuard: AddressGuard { shard.loop.settings.addressGuard }
    /// Whether the request was led to by a response from a public address.
    private var ledFromPublic: Bool { response.redirects > 0 && job?.ledFromPublic == true }

    /// Whether a connection to an address may be made.
    func mayOpen(_ socket: UnsafePointer<curl_sockaddr>) -> Bool {
        guard !addressGuard.isOff, !handle.hasProxy else { return true }
        guard let address = IPAddress(of: socket), let host = url.endpoint()?.host.name,
            addressGuard.allows(address, for: host, ledFromPublic: ledFromPublic)
        else {
            // Of several addresses, those that may be connected to count.
            if attempt.addressCheck == .none { attempt.addressCheck = .refused }
            return false
        }
        attempt.addressCheck = address.isInward ? .inward : .outward
        return true
    }

    /// Whether the request may be sent to the address that its connection goes to. Of a connection
    /// that was made for another request, only this check knows the address.
    ///
    /// - Parameter address: As text.
    func maySend(to address: UnsafePointer<CChar>) -> Bool {
        // Nothing to do for all but the first request on a connection.
        guard attempt.addressCheck != .none || response.redirects > 0 else { return true }
        guard !addressGuard.isOff, !handle.hasProxy, let host = url.endpoint()?.host.name else {
            return true
        }
        if ledFromPublic, IPAddress(String(cString: address))?.isInward != false {
            attempt.addressCheck = .refused
            return false
        }
        if attempt.addressCheck == .outward { addressGuard.noteSent(to: host) }
        return true
    }

    /// Whether a request ended because of its address.
    func isRefused(_ result: CURLcode) -> Bool {
        attempt.addressCheck == .refused && result != CURLE_OK
    }

    /// Ends a job that was led to a place where it may not go.
    ///
    /// - Parameter wasAsked: Whether libcurl had the request; otherwise, what libcurl knows is of
    ///   the request before.
    func endRefused(wasAsked: Bool = true) {
        response = failed(.reason(.forbiddenAddress))
        response.message = "\(url.endpoint()?.host.name ?? "the host") leads inward"
        if let capture, wasAsked {
            complete(capture)
        } else if let capture, let job {
            capture.durationMicros = Now.read().monotonicMicros - job.startedMicros
        }
        end()
    }

    // MARK: - Redirects

    /// Notes where a response that leads on has come from.
    func noteOrigin() {
        guard !addressGuard.isOff, job?.ledFromPublic == false else { return }
        if handle.hasProxy {
            // Only the proxy knows where a name leads; most lead outward.
            job?.ledFromPublic =
                url.endpoint().map { !AddressGuard.isInward(host: $0.host.name) } ?? true
        } else {
            let address = easy_get_text(easy, CURLINFO_PRIMARY_IP).flatMap {
                IPAddress(String(cString: $0))
            }
            job?.ledFromPublic = address?.isInward != true
        }
    }

    /// Whether the job may go to the place that a response leads to, as far as its text tells. By a
    /// proxy, nothing else does.
    func mayFollow(to endpoint: RequestURL.Endpoint) -> Bool {
        guard !addressGuard.isOff, job?.ledFromPublic == true else { return true }
        return !AddressGuard.isInward(host: endpoint.host.name)
    }
}

extension IPAddress {
    /// The address that a connection is about to go to; `nil` when it is none of IP.
    init?(of socket: UnsafePointer<curl_sockaddr>) {
        var count: Int32 = 0
        guard let first = socket_address_bytes(socket, &count) else { return nil }
        self.init(bytes: UnsafeBufferPointer(start: first, count: Int(count)))
    }
}
