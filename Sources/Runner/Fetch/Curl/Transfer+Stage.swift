internal import CCurl
internal import JobStore

extension Transfer {
    /// The step that a job's request is at, with all that belongs to this step alone.
    ///
    ///     starting ──▶ lookingUp ──▶ heldBack ──▶ given ──▶ ended
    ///         ▲                                     │
    ///         └──── asked again, or redirected ─────┘
    ///
    /// Where there is nothing to wait for, a step is skipped: plain requests go from `starting` to
    /// `given`. Any step can turn into `ended`.
    enum Stage {
        /// The request is being set up.
        case starting
        /// A name is being looked up.
        case lookingUp(Sought)
        /// The request waits to connect to the host of this key while others connect.
        case heldBack(key: Int)
        /// libcurl has the request, with the handshake that it may make.
        case given(Handshake?)
        /// The response is known, and the worker is about to resume.
        case ended
    }

    /// The name that is looked up.
    enum Sought {
        /// The name of the proxy, which comes first.
        case proxy
        /// The name of the URL's host.
        case host
    }

    /// A handshake that `TLSSessions` counts.
    struct Handshake {
        let number: Int
        /// The key of the host.
        let key: Int
    }

    /// Facts about a job. No part of it is counted by references: copies cost nothing.
    struct JobUnderWay {
        let worker: UnsafeContinuation<Response, Never>
        /// The job's chunk, which the worker holds until it resumes.
        let chunk: Unmanaged<RequestChunk>
        /// The host of the first request.
        let host: Host.ID
        /// When the first request began, in µs on the monotonic clock.
        let startedMicros: Int
        var stage = Stage.starting
        /// Whether a response that led on has set cookies.
        var hasCookies = false
        /// Whether a response that led on came from a public address.
        var ledFromPublic = false
    }

    /// Facts about one request of a job.
    struct Request {
        /// Whether the host was seen to speak HTTP/1.1 by HTTPS.
        var speaksHTTP1 = false
        /// Whether the request was sent before, on a connection that the server had closed, or by
        /// HTTP/2 on one where the server took it back.
        var isSecondTry = false
        /// Whether the request wants a connection of its own.
        var isFresh = false
        /// The number of times that the request was given to libcurl.
        var starts = 0

        /// The most times that a request is given to libcurl. Each time but the last, it may lack
        /// an address: also of one that was sent, and taken back when its connection ended.
        static let startsMax = 8
    }

    /// Facts that were found out since the request was last given to libcurl.
    struct Attempt {
        /// When the request began to wait for a connection, in µs on the monotonic clock.
        var connectSinceMicros = 0
        /// When the request began to wait for a name's addresses, in µs on the monotonic clock.
        var lookupSinceMicros = 0
        /// When the last name was answered, in µs on the monotonic clock; 0 when none was.
        var lookedUpMicros = 0
        /// Whether libcurl asked for an address because it had none for the host, as when a request
        /// was to go on an existing connection.
        var lacksAddress = false
        /// Whether the request's connection speaks HTTP/2.
        var isHTTP2 = false
        /// Whether libcurl was about to send the request on a connection that belongs to another
        /// request.
        var sharesConnection = false
        /// Whether libcurl has sent the request, or begun to.
        var wasSent = false
        /// Whether libcurl was about to send the request again, which may not come twice.
        var isCutOff = false
        /// Whether the TLS of the connection to the proxy was set up.
        var hasProxyTLS = false
        /// Watches the response's speed, where that matters, since it was looked at first.
        var speed: SpeedWatch?
        /// The part that the address guard had so far.
        var addressCheck = AddressCheck.none
        /// Whether a connection was begun.
        var makesConnection = false
        /// `errno` of a socket that could not be made; 0 when there was none.
        var socketError: Int32 = 0
    }

    /// Whether the job has a request under way.
    var isInFlight: Bool {
        switch job?.stage {
        case .starting, .lookingUp, .heldBack, .given: true
        case .ended, nil: false
        }
    }

    /// Notes that the handshake of the request has ended, or was not needed, or failed.
    func endHandshake() {
        // Only by HTTPS there is one.
        guard isHTTPS, case .given(let handshake?) = job?.stage else { return }
        shard.loop.sessions.handshakeEnded(handshake.number, with: handshake.key)
        job?.stage = .given(nil)
    }

    // MARK: - How long it takes
    //
    // libcurl keeps the timers of all transfers of a multi handle in one tree, and goes through it
    // several times a request, from transfer to transfer and so from cache miss to cache miss.
    // Looking at each transfer when the first may be overdue costs next to nothing.

    /// When the request has taken too long, in µs on the monotonic clock; `nil` while nothing is
    /// under way.
    var deadlineMicros: Int? {
        guard let job else { return nil }
        let settings = shard.loop.settings
        let end = job.startedMicros + settings.timeoutMicros
        let connectEnd = attempt.connectSinceMicros + settings.connectTimeoutMicros
        return switch job.stage {
        case .starting, .lookingUp: min(end, connectEnd)
        case .heldBack: end
        case .given: handle.isSent ? end : min(end, connectEnd)
        case .ended: nil
        }
    }

    /// Whether the response is slower than it may be. To be asked about once a second.
    func isTooSlow(atMicros now: Int) -> Bool {
        guard let limit = shard.loop.settings.options.speedLimit, case .given = job?.stage,
            handle.isSent
        else { return false }
        var watch = attempt.speed ?? SpeedWatch(atMicros: now)
        defer { attempt.speed = watch }
        return watch.isTooSlow(
            easy_get_offset(easy, CURLINFO_SIZE_DOWNLOAD_T), atMicros: now, limit.bytesPerSecond,
            limit.duration.microseconds)
    }

    /// Ends a request that has taken too long. The caller has taken it back from libcurl.
    func timedOut() {
        switch job?.stage {
        case .lookingUp(let whose):
            measureLookup()
            fail(of: .trouble("within the connect timeout"), for: whose)
        case .heldBack: end(with: failed(.reason(.timeout)))
        case .starting, .given: finished(with: CURLE_OPERATION_TIMEDOUT)
        case .ended, nil: break
        }
    }
}
