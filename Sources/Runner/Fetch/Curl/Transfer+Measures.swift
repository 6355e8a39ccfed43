internal import CCurl
internal import JobStore

/// The measurements of requests. By libcurl's clocks where it alone knows the time: each look takes
/// some fifty instructions, so it is asked only for what may differ.
extension Transfer {
    /// Counts a request that libcurl is done with.
    ///
    /// - Parameter status: The status of the response; 0 when there is none.
    func measure(_ status: Int) {
        if status == 429 || status == 503 { measures.sums.pointee.requests.refused += 1 }
        measures.sums.pointee.requests.receivedBytes +=
            incoming.pointee.headBytes + incoming.pointee.receivedBytes
        let isNew = attempt.makesConnection
        // On a connection that was there, a plain request is sent at once.
        let sentMicros =
            isNew || isHTTPS ? easy_get_offset(easy, CURLINFO_PRETRANSFER_TIME_T) : 0
        if isNew { measureConnection(sentMicros: sentMicros) }
        guard status != 0 else { return }
        let micros = max(0, easy_get_offset(easy, CURLINFO_STARTTRANSFER_TIME_T) - sentMicros)
        measures.firstByte.add(micros)
        incoming.pointee.firstByteMicros = micros
    }

    /// - Parameter sentMicros: The time in µs after which the request was sent; 0 when it was not.
    private func measureConnection(sentMicros: Int) {
        let connectMicros = easy_get_offset(easy, CURLINFO_CONNECT_TIME_T)
        let tlsMicros = isHTTPS ? easy_get_offset(easy, CURLINFO_APPCONNECT_TIME_T) : 0
        if connectMicros > 0 { measures.connect.add(connectMicros) }
        if tlsMicros > connectMicros { measures.tls.add(tlsMicros - connectMicros) }
        measures.sums.pointee.connectingMicros +=
            sentMicros > 0 ? sentMicros : shard.loop.now.monotonicMicros - waitsToConnectSince
    }

    /// Counts the attempt, which has ended.
    func measureEnd(of job: JobUnderWay) {
        if case .cancelled? = response.failure { return }
        // Unretained: the worker holds its job until it resumes.
        job.chunk._withUnsafeGuaranteedRef {
            measures.ended(
                $0, wholeMicros: shard.loop.now.monotonicMicros &- job.startedMicros,
                firstByteMicros: response.redirects == 0 ? incoming.pointee.firstByteMicros : -1)
        }
        // The next job may end before it has a response.
        incoming.pointee.firstByteMicros = -1
    }

    /// Counts the time that the request has waited for a name.
    func measureLookup() {
        let now = shard.loop.now.monotonicMicros
        measures.sums.pointee.resolvingMicros += now - attempt.lookupSinceMicros
        attempt.lookedUpMicros = now
    }

    /// Counts the time that the request has waited for its turn to connect.
    func measureTurn() {
        measures.sums.pointee.connectingMicros +=
            shard.loop.now.monotonicMicros - waitsToConnectSince
    }

    /// When the request had an address to connect to, in µs on the monotonic clock.
    private var waitsToConnectSince: Int {
        max(attempt.connectSinceMicros, attempt.lookedUpMicros)
    }
}
