internal import CCrypto
internal import CCurl
internal import Glibc

/// The functions that libcurl calls while it has the request.
extension Transfer {
    func registerCallbacks() {
        // Unretained: the handle is cleaned up before its transfer goes; the loop outlives both.
        let me = Unmanaged.passUnretained(self).toOpaque()
        let loop = Unmanaged.passUnretained(shard.loop).toOpaque()
        _ = easy_set_write(
            easy,
            { bytes, size, count, incoming in
                let bytes = UnsafeRawBufferPointer(start: bytes, count: size * count)
                let incoming = incoming!.assumingMemoryBound(to: IncomingResponse.self)
                return incoming.pointee.received(bytes) ? bytes.count : 0
            }, incoming)
        _ = easy_set_header(
            easy,
            { line, size, count, incoming in
                let line = UnsafeRawBufferPointer(start: line, count: size * count)
                let incoming = incoming!.assumingMemoryBound(to: IncomingResponse.self)
                return incoming.pointee.received(line: line) ? line.count : 0
            }, incoming)
        // Each line of a head goes to the write function first, before libcurl looks at it.
        if CurlVersion.joinsFirstField { _ = easy_set_long(easy, CURLOPT_HEADER, 1) }
        _ = easy_set_open(
            easy,
            { transfer, _, address in
                guard let address else { return -1 }
                return Unmanaged<Transfer>.fromOpaque(transfer!).takeUnretainedValue()
                    .openSocket(for: address)
            }, me)
        _ = easy_set_close(
            easy,
            { loop, descriptor in
                Unmanaged<EventLoop>.fromOpaque(loop!).takeUnretainedValue().closeSocket(descriptor)
            }, loop)
        _ = easy_set_resolve(
            easy,
            { _, _, transfer in
                Unmanaged<Transfer>.fromOpaque(transfer!).takeUnretainedValue().mayResolve() ? 0 : 1
            }, me)
        _ = easy_set_request(
            easy,
            { transfer, address, _, _, port in
                let transfer = Unmanaged<Transfer>.fromOpaque(transfer!).takeUnretainedValue()
                let mayBeSent =
                    transfer.maySend(to: address!)
                    && transfer.maySend(fromPort: UInt16(truncatingIfNeeded: port))
                guard mayBeSent else { return CURL_PREREQFUNC_ABORT }
                transfer.measures.sums.pointee.requests.made += 1
                return CURL_PREREQFUNC_OK
            }, me)
        _ = easy_set_context(
            easy,
            { _, context, transfer in
                Unmanaged<Transfer>.fromOpaque(transfer!).takeUnretainedValue().equip(context!)
            }, me)
        _ = easy_set_pointer(easy, CURLOPT_PRIVATE, me)
    }

    // MARK: - Sockets and names

    private func openSocket(for address: UnsafePointer<curl_sockaddr>) -> Int32 {
        guard mayOpen(address) else { return -1 }
        let descriptor = shard.loop.openSocket(
            address.pointee.family, address.pointee.socktype, address.pointee.protocol)
        if descriptor < 0 { attempt.socketError = errno }
        attempt.makesConnection = true
        shard.noteConnection()
        return descriptor
    }

    /// Tells libcurl, which has no address for the host, whether it may look for one.
    private func mayResolve() -> Bool {
        // An address stands for itself. A name is never libcurl's to look up: it is asked for again
        // with one of ours.
        if let endpoint = url.endpoint(),
            handle.proxy.map({ mayLookUp(endpoint, by: $0) }) ?? endpoint.isAddress
        {
            return true
        }
        attempt.lacksAddress = true
        return false
    }

    // MARK: - TLS

    /// The number of the handshake that the request may make; `nil` when none is counted.
    private var handshakeNumber: Int? {
        guard case .given(let handshake) = job?.stage else { return nil }
        return handshake?.number
    }

    /// Sets up the `SSL_CTX` of a connection.
    private func equip(_ context: UnsafeMutableRawPointer) -> CURLcode {
        guard AuthorityStore.isUsable else { return CURLE_OK }
        // The first TLS of a connection by such a proxy is the proxy's own.
        if handle.hasProxy, handle.proxy?.kind == .https, !attempt.hasProxyTLS {
            attempt.hasProxyTLS = true
            shard.loop.sessions.equip(context, for: handle.proxy.hashValue, handshake: nil)
            return shard.loop.settings.equip(context, isProxy: true)
        }
        if let key = url.endpoint()?.sessionsKey {
            shard.loop.sessions.equip(context, for: key, handshake: handshakeNumber)
        }
        return shard.loop.settings.equip(context)
    }

    // MARK: - Before the request is sent

    /// Decides whether the request may be sent on its connection.
    ///
    /// libcurl sends a request again on a new connection, whatever its method, when the one it was
    /// sent on had been used before and was closed without an answer. The server may have acted on
    /// the request, so only what may come twice is let through twice.
    private func maySend(fromPort port: UInt16) -> Bool {
        if attempt.wasSent, !content.isIdempotent {
            attempt.isCutOff = true
            return false
        }
        attempt.wasSent = isFit(connectionFromPort: port)
        return attempt.wasSent
    }

    /// Checks the connection that the request is about to be sent on. The check must be made at
    /// this point, because nothing can come between it and the request: one action of libcurl's may
    /// end a transfer and begin another on its connection.
    ///
    /// - Bytes that have already come on the connection are no answer to this request. "A client
    ///   that receives a response with more bytes than its length MUST NOT process them as a
    ///   separate response" (RFC 9112, 6.3). libcurl leaves such bytes on the connection and takes
    ///   them for the next answer, from 8.0 on only when TLS holds them.
    /// - Without HTTP/2, no other request may be using the connection. Before 8.10, libcurl puts
    ///   several requests on one connection once a server has called its reply by HTTP/1.1 one by
    ///   HTTP/2.
    ///
    /// - Returns: Whether the request may be sent.
    private func isFit(connectionFromPort port: UInt16) -> Bool {
        var hasPending = false
        if isHTTPS {
            // Nothing is known of connections of another TLS library than OpenSSL.
            guard AuthorityStore.isUsable else { return true }
            guard let connection = easy_get_ssl(easy), ssl_is_connected(connection) == 1 else {
                // Another request is about to make the connection.
                attempt.sharesConnection = true
                return false
            }
            // No handshake was needed.
            if handle.reusedConnection { endHandshake() }
            attempt.isHTTP2 = ssl_speaks_http2(connection) == 1
            // Answers to other requests come on the connection, too, and say which request they are
            // for.
            if attempt.isHTTP2 { return true }
            hasPending = ssl_has_pending(connection) == 1
            if response.redirects == 0 { http1Host = job?.host }
        } else if handle.hasProxy, handle.proxy?.kind == .https, AuthorityStore.isUsable {
            hasPending = easy_get_ssl(easy).map { ssl_has_pending($0) == 1 } ?? false
        } else if !CurlVersion.answersWithExcess {
            return true
        }
        guard handle.reusedConnection else { return true }
        attempt.sharesConnection =
            handle.asksForHTTP2 == true && shard.loop.usesConnection(fromPort: port)
        if attempt.sharesConnection { return false }
        shard.loop.endIdleConnection(fromPort: port, hasPending: hasPending)
        return true
    }
}
