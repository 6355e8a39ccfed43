internal import JobStore

/// The ways in which a request waits before libcurl gets it: for an address, then for its turn to
/// connect.
extension Transfer: NameClient, TLSSessions.Client {
    /// Looks up the names that the request needs addresses of, and goes on with these.
    func lookUpNames(for endpoint: RequestURL.Endpoint) {
        guard handle.hasProxy, let proxy = handle.proxy else {
            return endpoint.isAddress ? connect(to: endpoint) : lookUp(.host, for: endpoint)
        }
        proxy.isAddress ? lookUpHost(endpoint, behind: proxy) : lookUp(.proxy, for: endpoint)
    }

    private func lookUpHost(_ endpoint: RequestURL.Endpoint, behind proxy: Proxy) {
        if proxy.takesAddressesOnly, !endpoint.isAddress {
            lookUp(.host, for: endpoint)
        } else {
            connect(to: endpoint)
        }
    }

    /// The name that is looked up, and the port that its addresses are for.
    func place(of whose: Sought, for endpoint: RequestURL.Endpoint) -> (name: String, port: String)?
    {
        switch whose {
        case .host: (endpoint.host.name, endpoint.port)
        case .proxy: handle.proxy.map { ($0.host, String($0.port)) }
        }
    }

    private func lookUp(_ whose: Sought, for endpoint: RequestURL.Endpoint) {
        guard let (name, port) = place(of: whose, for: endpoint) else { return }
        let loop = shard.loop
        if let known = loop.settings.options.pinned.answer(
            for: name, port: port, loop.settings.options.family)
            ?? loop.resolver.answer(for: name)
        {
            return take(known, for: whose, of: endpoint)
        }
        job?.stage = .lookingUp(whose)
        attempt.lookupSinceMicros = loop.now.monotonicMicros
        loop.resolver.ask(name, for: self)
    }

    func nameWasAnswered(_ answer: NameAnswer) {
        guard case .lookingUp(let whose) = job?.stage, let endpoint = url.endpoint() else { return }
        measureLookup()
        take(answer, for: whose, of: endpoint)
    }

    private func take(
        _ answer: NameAnswer, for whose: Sought, of endpoint: RequestURL.Endpoint
    ) {
        guard case .addresses(let addresses) = answer,
            let (name, port) = place(of: whose, for: endpoint)
        else { return fail(of: answer, for: whose) }
        switch whose {
        case .proxy:
            handle.offer(addresses, for: name, port: port)
            if let proxy = handle.proxy { lookUpHost(endpoint, behind: proxy) }
        case .host:
            // Behind a proxy that is a name, which was offered just now.
            let isFurther = handle.proxy.map { !$0.isAddress } ?? false
            handle.offer(addresses, for: name, port: port, isFurther: isFurther)
            connect(to: endpoint)
        }
    }

    /// Ends a job whose host, or whose proxy, has no known address.
    func fail(of answer: NameAnswer, for whose: Sought) {
        var response = failed(.reason(.dns))
        switch answer {
        case .addresses: break
        case .noSuchName:
            response.isNameUnknown = true
            response.message = "there is no such name"
        case .trouble(let what): response.message = "no name server answers: \(what)"
        }
        if whose == .proxy, let proxy = handle.proxy {
            response.failure = .local(.proxy)
            response.message = "the proxy \(proxy.text) cannot be found: \(response.message)"
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
        measureTurn()
        // The time that the request waited for others does not count.
        attempt.connectSinceMicros = shard.loop.now.monotonicMicros
        give(Handshake(number: number, key: key))
        return isInFlight
    }
}
