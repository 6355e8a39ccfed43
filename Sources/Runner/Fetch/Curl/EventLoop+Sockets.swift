internal import CCurl
internal import Glibc

/// The sockets of the loop's connections and lookups, as epoll and libcurl see them.
extension EventLoop {
    /// Tells c-ares of an event on one of its sockets.
    func answerLookup(_ event: epoll_event) {
        let isBroken = event.events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0
        lookups?.ready(
            event.data.fd, reads: isBroken || event.events & EPOLLIN.rawValue != 0,
            writes: event.events & EPOLLOUT.rawValue != 0)
    }

    // MARK: - For libcurl

    /// Takes libcurl's wish to be told of a socket's events. For a connection, a removal only
    /// clears the wish: the descriptor stays in epoll for the connection's next request, which
    /// saves two `epoll_ctl` a request.
    ///
    /// - Returns: Whether epoll takes the descriptor.
    func listen(to descriptor: Int32, for what: Int32, _ shard: Shard) -> Bool {
        guard what != CURL_POLL_REMOVE else {
            sockets.ignore(descriptor)
            if !sockets.isConnection(descriptor) {
                // Not ours to see closed: its number may come again unannounced.
                _ = epoll_control(epoll, EPOLL_CTL_DEL, descriptor, 0)
                sockets.unregister(descriptor)
            }
            return true
        }
        let events =
            (what & CURL_POLL_IN != 0 ? EPOLLIN.rawValue : 0)
            | (what & CURL_POLL_OUT != 0 ? EPOLLOUT.rawValue : 0)
        let known = sockets.listen(to: descriptor, events: events, shard)
        if known == events { return true }
        if poll(descriptor, events, isNew: known == 0) { return true }
        pollFailure = errno
        sockets.unregister(descriptor)
        return false
    }

    /// Makes epoll tell of a descriptor's events.
    private func poll(_ descriptor: Int32, _ events: UInt32, isNew: Bool) -> Bool {
        let (first, second) =
            isNew ? (EPOLL_CTL_ADD, EPOLL_CTL_MOD) : (EPOLL_CTL_MOD, EPOLL_CTL_ADD)
        if epoll_control(epoll, first, descriptor, events) == 0 { return true }
        // What is known of it may be wrong, were a descriptor closed behind our back.
        guard errno == EEXIST || errno == ENOENT else { return false }
        return epoll_control(epoll, second, descriptor, events) == 0
    }

    /// `errno` of the last descriptor that epoll did not take; told once.
    func takePollFailure() -> Int32? {
        defer { pollFailure = nil }
        return pollFailure
    }

    /// - Returns: A descriptor, or -1 with `errno` set.
    func openSocket(_ family: Int32, _ type: Int32, _ proto: Int32) -> Int32 {
        let descriptor = socket(family, type | Int32(SOCK_CLOEXEC.rawValue), proto)
        if descriptor >= 0, let interface = settings.options.interface,
            !interface.bind(descriptor, family)
        {
            let error = errno
            close(descriptor)
            errno = error
            return -1
        }
        if descriptor >= 0 { sockets.open(descriptor) }
        return descriptor
    }

    /// Ends an idle connection on which there is something to read. A request that was about to use
    /// the connection then fails to be sent, and takes another one.
    ///
    /// - Parameter port: The connection's local port.
    /// - Parameter hasPending: Whether bytes were read from the connection that no request has
    ///   asked for.
    func endIdleConnection(fromPort port: UInt16, hasPending: Bool) {
        sockets.forEachIdleConnection(fromPort: port) { descriptor in
            var byte: UInt8 = 0
            if hasPending
                || recv(descriptor, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) > 0
            {
                shutdown(descriptor, Int32(SHUT_RDWR))
            }
        }
    }

    /// Whether a connection from local port `port` has a request under way.
    func usesConnection(fromPort port: UInt16) -> Bool { sockets.isInUse(port: port) }

    func closeSocket(_ descriptor: Int32) -> Int32 {
        sockets.close(descriptor)
        return close(descriptor)
    }
}

extension EventLoop: LookupSockets {
    func watch(_ descriptor: Int32, reads: Bool, writes: Bool) {
        guard reads || writes else {
            lookupSockets.remove(descriptor)
            _ = epoll_control(epoll, EPOLL_CTL_DEL, descriptor, 0)
            return
        }
        sockets.ignore(descriptor)
        let isNew = lookupSockets.insert(descriptor).inserted
        let events = (reads ? EPOLLIN.rawValue : 0) | (writes ? EPOLLOUT.rawValue : 0)
        // Where epoll does not take it, the lookup ends by its own timeout.
        _ = poll(descriptor, events, isNew: isNew)
    }
}
