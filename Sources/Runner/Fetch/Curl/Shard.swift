internal import CCurl
internal import JobStore

/// One curl multi handle, with the transfers that belong to it.
final class Shard {
    /// The loop that owns the shard. Unsafe, because a safe reference costs two atomic operations a
    /// use.
    unowned(unsafe) let loop: EventLoop
    private(set) var multi: UnsafeMutableRawPointer
    /// When libcurl wants to be called, in µs on the monotonic clock; 0 for at once, `.max` for
    /// never.
    private(set) var deadlineMicros = Int.max
    private var transfers: [ObjectIdentifier: Transfer] = [:]
    /// The number of transfers for which a connection is kept here.
    private var homes = 0
    /// The number of transfers that libcurl has.
    private var inFlight = 0
    /// The number of connections that were begun with the multi handle.
    private(set) var connections = 0
    /// The number of connections after which another shard takes the place of this one: few enough
    /// that what libcurl keeps of their hosts (`CurlVersion.keepsHosts`) weighs nothing, and enough
    /// that hardly any connection is made anew because an idle one was closed with its shard.
    static let connectionsMax = 256

    /// - Parameter homes: The number of transfers for which a connection is kept here.
    init(loop: EventLoop, homes: Int = 0) {
        self.loop = loop
        self.homes = homes
        multi = Self.makeMulti()
        setUp()
    }

    private static func makeMulti() -> UnsafeMutableRawPointer {
        guard let multi = curl_multi_init() else {
            fatalError("libcurl gave no multi handle: out of memory")
        }
        return multi
    }

    private func setUp() {
        // Unretained: the loop owns the shard and closes the multi before letting go of it.
        let me = Unmanaged.passUnretained(self).toOpaque()
        _ = multi_set_socket(
            multi,
            { _, descriptor, what, shard, _ in
                let shard = Unmanaged<Shard>.fromOpaque(shard!).takeUnretainedValue()
                return shard.loop.listen(to: descriptor, for: what, shard) ? 0 : -1
            }, me)
        _ = multi_set_timer(
            multi,
            { _, waitMillis, shard in
                Unmanaged<Shard>.fromOpaque(shard!).takeUnretainedValue().wait(waitMillis)
                return 0
            }, me)
        keepConnections()
        _ = multi_set_long(multi, CURLMOPT_PIPELINING, Int(CURLPIPE_MULTIPLEX))
    }

    private func wait(_ waitMillis: Int) {
        deadlineMicros =
            waitMillis < 0
            ? .max : waitMillis == 0 ? 0 : Now.read().monotonicMicros + waitMillis * 1000
    }

    // MARK: - Transfers

    func register(_ transfer: Transfer) { transfers[ObjectIdentifier(transfer)] = transfer }
    func unregister(_ transfer: Transfer) { transfers[ObjectIdentifier(transfer)] = nil }

    /// Changes the number of transfers for which a connection is kept here: each has one such
    /// shard, wherever its requests are made, so that all shards together keep so many as there are
    /// transfers, whatever the number of hosts.
    func changeHomes(by change: Int) {
        homes += change
        keepConnections()
    }

    /// Lets libcurl keep connections, of which the one idle for longest is closed first, and some to
    /// spare.
    private func keepConnections() {
        _ = multi_set_long(multi, CURLMOPT_MAXCONNECTS, homes + MachineLimits.spareConnections)
    }

    /// Gives a transfer to libcurl.
    ///
    /// - Returns: Whether libcurl took it.
    func add(_ transfer: Transfer) -> Bool {
        guard curl_multi_add_handle(multi, transfer.easy) == CURLM_OK else { return false }
        inFlight += 1
        transfer.isGiven = true
        return true
    }

    /// Takes a transfer from libcurl, if it has it.
    func takeBack(_ transfer: Transfer) {
        guard transfer.isGiven else { return }
        curl_multi_remove_handle(multi, transfer.easy)
        inFlight -= 1
        transfer.isGiven = false
    }

    /// Ends every transfer in flight.
    func endAll(as failure: Response.Failure) {
        for transfer in transfers.values where transfer.isInFlight {
            takeBack(transfer)
            transfer.end(with: Response(failure: failure))
        }
    }

    /// Ends the transfers that have taken too long.
    ///
    /// - Returns: When to look again, in µs on the monotonic clock; `.max` when no transfer is
    ///   under way.
    func endOverdue(atMicros now: Int) -> Int {
        var next = Int.max
        for transfer in transfers.values {
            guard let deadline = transfer.deadlineMicros else { continue }
            if deadline > now, !transfer.isTooSlow(atMicros: now) {
                next = min(next, deadline)
            } else {
                takeBack(transfer)
                transfer.timedOut()
            }
        }
        return next
    }

    // MARK: - Events

    func act(on descriptor: Int32, _ mask: Int32) {
        var running: Int32 = 0
        let result = curl_multi_socket_action(multi, descriptor, mask, &running)
        guard result == CURLM_OK else { return rebuild() }
        readMessages()
    }

    /// Tells libcurl that the time it asked for has come.
    func timeOut() {
        deadlineMicros = .max
        var running: Int32 = 0
        let result = curl_multi_socket_action(multi, socketTimeout, 0, &running)
        guard result == CURLM_OK else { return rebuild() }
        readMessages()
        // libcurl 7.88 does not call the timer function again for a timer it has announced and
        // that we came to a little early; asking finds it.
        if deadlineMicros == .max {
            var waitMillis = -1
            curl_multi_timeout(multi, &waitMillis)
            wait(waitMillis)
        }
    }

    /// Takes all of libcurl's messages about transfers that ended. To be called after each action,
    /// not once a turn: removing a handle walks the list of messages.
    private func readMessages() {
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            guard let easy = message.pointee.easy_handle, let mine = easy_get_private(easy) else {
                continue
            }
            let result = message_result(message)
            // Unretained: a transfer closes its easy handle before it goes.
            let transfer = Unmanaged<Transfer>.fromOpaque(mine).takeUnretainedValue()
            takeBack(transfer)
            transfer.finished(with: result)
        }
    }

    // MARK: - The multi handle

    /// Takes in that a connection is begun.
    func noteConnection() {
        connections += 1
        if connections == Self.connectionsMax, CurlVersion.keepsHosts { loop.areSomeWorn = true }
    }

    /// Whether another shard is to take the place of this one.
    var isWorn: Bool { connections >= Self.connectionsMax }
    /// Whether libcurl has no transfer.
    var isIdle: Bool { inFlight == 0 }

    /// Makes the shard that takes the place of this one, which from then on closes an idle connection
    /// with each request that ends.
    func successor() -> Shard {
        _ = multi_set_long(multi, CURLMOPT_MAXCONNECTS, 1)
        return Shard(loop: loop, homes: homes)
    }

    /// Sends its transfers, none of which libcurl has, to the shards that they are for now, and ends.
    func leave() {
        for transfer in transfers.values { transfer.changeShard() }
        close()
    }

    /// Replaces the multi handle after an error, when its state is unknown. All transfers in flight
    /// on it fail.
    func rebuild() {
        endAll(as: loop.takePollFailure().map { .local(.system($0)) } ?? .reason(.other))
        curl_multi_cleanup(multi)
        multi = Self.makeMulti()
        (deadlineMicros, connections) = (.max, 0)
        setUp()
    }

    func close() {
        precondition(transfers.isEmpty, "workers close their transfers before their loop stops")
        curl_multi_cleanup(multi)
    }
}

/// CURL_SOCKET_TIMEOUT is a macro Swift does not import.
private let socketTimeout: curl_socket_t = -1
