internal import CCurl
internal import Glibc
internal import JobStore
internal import Synchronization

/// A turn of the loop: what is ready runs, then the loop waits for its sockets.
extension EventLoop {
    /// The most events that are taken at a time.
    private static let eventsMax = 1024

    /// The body of the loop's thread.
    func run() {
        ownThread.store(pthread_self(), ordering: .relaxed)
        // International host names are UTF-8, whatever the process's locale: libidn2 asks for it.
        let locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nil)
        uselocale(locale)
        defer {
            uselocale(globalLocale)
            freelocale(locale)
        }
        let events = UnsafeMutablePointer<epoll_event>.allocate(capacity: Self.eventsMax)
        defer { events.deallocate() }
        while true {
            runReadyTasks()
            client?.turnEnds()
            if !ready.isEmpty { continue }
            sendRequests()
            let count = epoll_wait(epoll, events, Int32(Self.eventsMax), timeoutMillis())
            now = Now.read()
            for i in 0..<Int(max(0, count)) { handle(events[i]) }
            for shard in shards where shard.deadlineMicros <= now.monotonicMicros {
                shard.timeOut()
            }
            if now.monotonicMicros >= resolver.deadlineMicros { resolver.tick(at: now) }
            if resolver.hasAnswers { resolver.handOn() }
            sessions.handOn(at: now)
            if !openHeads.isEmpty { lookAtOpenHeads() }
            if now.monotonicMicros >= nextLookMicros { endOverdue() }
            if areSomeWorn || shards.count > places { replaceWorn() }
            resume(&answered, upTo: .max)
            resumeEnded()
            if isStopped { break }
        }
        resolver.close()
        for shard in shards { shard.close() }
        shards = []
    }

    private func endOverdue() {
        let now = now.monotonicMicros
        // A transfer that starts after this look cannot be overdue before then.
        nextLookMicros = now + min(settings.connectTimeoutMicros, settings.timeoutMicros)
        if let limit = settings.options.speedLimit {
            let lookMicros = min(SpeedWatch.lookMicros, limit.duration.microseconds)
            nextLookMicros = min(nextLookMicros, now + lookMicros)
        }
        for shard in shards {
            nextLookMicros = min(nextLookMicros, shard.endOverdue(atMicros: now))
        }
    }

    /// Puts new shards in the places of worn ones. Those end with their last request: a long one may
    /// take its time.
    private func replaceWorn() {
        for place in 0..<places where shards[place].isWorn {
            guard shards.count < places * (1 + MachineLimits.formerShardsMax) else { break }
            shards.append(shards[place])
            shards[place] = shards[place].successor()
        }
        areSomeWorn = shards[..<places].contains { $0.isWorn }
        for former in shards[places...] where former.isIdle { former.leave() }
        shards[places...].removeAll { $0.isIdle }
    }

    func noteOpenHead(_ transfer: Transfer) { openHeads.append(transfer) }

    private func lookAtOpenHeads() {
        let begun = openHeads
        openHeads.removeAll(keepingCapacity: true)
        for transfer in begun where transfer.isInFlight && transfer.isHeadHeldBack {
            transfer.shard.takeBack(transfer)
            if !transfer.makeRoomForHead() {
                transfer.end(with: Response(failure: .reason(.tooLarge)))
            }
        }
    }

    private func timeoutMillis() -> Int32 {
        if !ended.isEmpty || resolver.hasAnswers { return 0 }
        var deadlineMicros = min(
            nextLookMicros, resolver.deadlineMicros, sessions.deadlineMicros)
        for shard in shards { deadlineMicros = min(deadlineMicros, shard.deadlineMicros) }
        if deadlineMicros == 0 { return 0 }
        let leftMicros = deadlineMicros - Now.read().monotonicMicros
        return leftMicros <= 0 ? 0 : Int32(clamping: (leftMicros + 999) / 1000)
    }

    private func handle(_ event: epoll_event) {
        let descriptor = event.data.fd
        if descriptor == bell { return answerBell() }
        guard let shard = sockets.listener(of: descriptor) else {
            if lookupSockets.contains(descriptor) { return answerLookup(event) }
            // An idle connection hung up, or spoke: the next request on the connection finds out.
            _ = epoll_control(epoll, EPOLL_CTL_DEL, descriptor, 0)
            sockets.unregister(descriptor)
            return
        }
        let bits = event.events
        let mask =
            (bits & EPOLLIN.rawValue != 0 ? CURL_CSELECT_IN : 0)
            | (bits & EPOLLOUT.rawValue != 0 ? CURL_CSELECT_OUT : 0)
            | (bits & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 ? CURL_CSELECT_ERR : 0)
        let before = ended.count
        shard.act(on: descriptor, mask)
        guard ended.count > before else { return }
        answered.append(contentsOf: ended[before...])
        ended.removeSubrange(before...)
        // By HTTP/2, one read may end a hundred.
        while answered.count >= Self.answeredMax { goOn() }
    }

    /// The number of transfers that end before their workers go on, and whose workers go on at a
    /// time. It is small enough that all the memory a request needs is still in the processor's
    /// cache when the next request starts, and that not many more are sent to a host before the feed
    /// hears of its refusals; and large enough that the origin gets its requests in batches.
    private static let answeredMax = 12

    /// Lets the workers of answered transfers send their next requests, in the middle of a turn. A
    /// request that fails when it is sent waits for the end of the turn, when the breaker has heard
    /// of the failure.
    private func goOn() {
        resume(&answered, upTo: Self.answeredMax)
        runReadyTasks()
        sendRequests()
    }

    /// Resumes the workers of transfers that ended otherwise than by an event of their socket, at the
    /// end of a turn. What ends meanwhile waits for the next turn.
    private func resumeEnded() {
        var left = ended.count
        while left > Self.answeredMax {
            resume(&ended, upTo: Self.answeredMax)
            left -= Self.answeredMax
            runReadyTasks()
        }
        resume(&ended, upTo: left)
    }

    /// Makes libcurl start the transfers that it was given: libcurl asks to be called at once for
    /// them.
    private func sendRequests() {
        for shard in shards where shard.deadlineMicros == 0 { shard.timeOut() }
    }

    private func runReadyTasks() {
        var batch: [UnownedJob] = []
        while !ready.isEmpty {
            swap(&batch, &ready)
            for job in batch { job.runSynchronously(on: asUnownedTaskExecutor()) }
            batch.removeAll(keepingCapacity: true)
        }
        swap(&batch, &ready)  // keep the larger buffer
    }

    func noteEnded(_ transfer: Transfer) { ended.append(transfer) }

    /// Resumes the workers of the first transfers, and takes these out.
    private func resume(_ transfers: inout [Transfer], upTo limit: Int) {
        guard !transfers.isEmpty else { return }
        let count = min(limit, transfers.count)
        // A worker that made a request beside its job has that job still.
        client?.willResume(transfers[..<count].count { $0.aside == nil }, at: now)
        for index in 0..<count { transfers[index].resumeWorker() }
        transfers.removeFirst(count)
    }
}

/// LC_GLOBAL_LOCALE, a macro Swift does not import.
// nonisolated(unsafe) holds because it is a number made to look like a pointer: nothing is behind
// it.
private nonisolated(unsafe) let globalLocale = locale_t(bitPattern: -1)
