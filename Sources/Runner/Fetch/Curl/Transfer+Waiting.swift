internal import JobStore

/// The ways in which a request waits before libcurl gets it: for an address, then for its turn to
/// connect.
extension Transfer: NameClient, TLSSessions.Client {
    /// Goes on with an address of the host.
    func lookUp(_ endpoint: RequestURL.Endpoint) {
        if let answer = shard.loop.resolver.answer(for: endpoint.host.name) {
            return take(answer, for: endpoint)
        }
        job?.stage = .lookingUp
        shard.loop.resolver.ask(endpoint.host.name, for: self)
    }

    func nameWasAnswered(_ answer: NameAnswer) {
        guard case .lookingUp = job?.stage, let endpoint = url.endpoint() else { return }
        take(answer, for: endpoint)
    }

    private func take(_ answer: NameAnswer, for endpoint: RequestURL.Endpoint) {
        guard case .addresses(let addresses) = answer else { return fail(of: answer) }
        handle.offer(addresses, for: endpoint)
        connect(to: endpoint)
    }

    /// Ends a job whose host has no known address.
    func fail(of answer: NameAnswer) {
        var response = failed(.reason(.dns))
        switch answer {
        case .addresses: break
        case .noSuchName:
            response.isNameUnknown = true
            response.message = "there is no such name"
        case .trouble(let what): response.message = "no name server answers: \(what)"
        }
        // libcurl was not asked: what it knows is of the request before.
        if let capture, let job {
            capture.durationMicros = Now.read().monotonicMicros - job.startedMicros
        }
        end(with: response)
    }

    /// Gives the request to libcurl to make a connection; by HTTPS, once there is room for another
    /// handshake with the host.
    func connect(to endpoint: RequestURL.Endpoint) {
        guard isHTTPS else { return give(nil) }
        let key = endpoint.sessionsKey
        guard
            let number = shard.loop.sessions.beginHandshake(
                with: key, for: self, at: shard.loop.now)
        else {
            job?.stage = .heldBack(key: key)
            return
        }
        give(Handshake(number: number, key: key))
    }

    func mayConnect(_ number: Int, with key: Int) -> Bool {
        // The request may wait for another host by now.
        guard case .heldBack(key: key) = job?.stage else { return false }
        // The time that the request waited for others does not count.
        attempt.connectSinceMicros = shard.loop.now.monotonicMicros
        give(Handshake(number: number, key: key))
        return isInFlight
    }
}
