internal import CCurl
internal import Glibc
internal import JobStore
internal import Synchronization

/// The owner of a loop. Always called on the loop's thread.
protocol EventLoopClient: AnyObject, Sendable {
    /// Called when as many transfers as `workers` have ended; their workers resume next.
    func willResume(_ workers: Int, at now: Now)
    /// Called when every task that could run has run, and the loop is about to wait for its
    /// sockets.
    func turnEnds()
    /// Called after `EventLoop.wake`.
    func woken()
}

/// One thread that polls its sockets and runs the worker tasks that wait for them, so that a
/// request needs no thread hop.
///
/// The loop holds several small curl multi handles on one epoll: libcurl 7.88 walks its list of
/// connections twice a request, so 32 × 32 connections cost far less than 1 × 1,000.
final class EventLoop: TaskExecutor, @unchecked Sendable {
    // @unchecked holds because all but `inbox`, `errands`, `flags`, `thread` and `ownThread`
    // belong to the loop's thread.
    private let epoll: Int32
    private let bell: Int32
    private var shards: [Shard] = []
    let settings: TransferSettings
    private var sockets = SocketTable()
    /// Set once, at the end of `init`.
    private(set) var resolver: NameResolver! = nil
    let sessions = TLSSessions()
    /// The descriptors of the sockets of name lookups.
    private var lookupSockets: Set<Int32> = []
    /// `errno` of the last descriptor that epoll did not take; `nil` when there is none to tell.
    private var pollFailure: Int32?
    private var ready: [UnownedJob] = []
    /// Transfers that an event of this turn ended and whose workers have not resumed.
    private var answered: [Transfer] = []
    /// Transfers that ended in another way and whose workers have not resumed.
    private var ended: [Transfer] = []
    private(set) var isCancelled = false
    weak var client: (any EventLoopClient)?
    /// The time, read once a turn.
    private(set) var now = Now.read()

    /// The thread that `stop` waits for; `nil` before it was started.
    private let thread = Mutex<SystemThread?>(nil)
    /// The loop's thread, set by the thread itself before it runs anything.
    private let ownThread = Atomic<UInt>(0)
    private let inbox = Mutex<[UnownedJob]>([])
    private let errands = Mutex<[@Sendable () -> Void]>([])
    private struct Flags: OptionSet {
        let rawValue: Int
        static let wake = Flags(rawValue: 1)
        static let cancel = Flags(rawValue: 2)
        static let stop = Flags(rawValue: 4)
    }
    private let flags = Mutex<Flags>([])

    /// - Throws: When the kernel gives no epoll or eventfd.
    init(
        shards count: Int, _ options: FetchOptions = FetchOptions(),
        authorities: AuthorityStore? = nil
    ) throws(LimitError) {
        Self.initializeCurl
        settings = TransferSettings(options, authorities: authorities)
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        bell = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        guard epoll >= 0, bell >= 0,
            epoll_control(epoll, EPOLL_CTL_ADD, bell, EPOLLIN.rawValue) == 0
        else {
            throw LimitError(
                description:
                    "this system gives no event loop (\(String(cString: strerror(errno)))); raise the limit with: ulimit -n 4096"
            )
        }
        for _ in 0..<count {
            shards.append(Shard(loop: self))
        }
        resolver = NameResolver(source(options)) { [unowned self] in now }
    }

    /// The resolver's c-ares lookups, which are told of their sockets' events; `nil` when another
    /// resolver is used.
    private var lookups: AresLookups?

    private func source(_ options: FetchOptions) -> any NameSource {
        switch options.resolver {
        case .ares:
            let lookups = AresLookups(self, servers: options.nameServers)
            self.lookups = lookups
            return lookups
        case .system: return SystemLookups { [weak self] errand in self?.post(errand) }
        }
    }

    deinit {
        for shard in shards { shard.close() }  // of a loop that was never started
        close(epoll)
        close(bell)
    }

    private static let initializeCurl: Void = { curl_global_init(Int(CURL_GLOBAL_ALL)) }()

    /// Starts the thread; `stop` ends it.
    ///
    /// - Throws: When the system gives no thread.
    func start() throws(LimitError) {
        settings.seal()
        try thread.withLock { thread throws(LimitError) in
            do throws(SystemThread.Refusal) {
                thread = try SystemThread { [self] in run() }
            } catch {
                throw LimitError(
                    description:
                        "this system gives no thread for an event loop (\(String(cString: strerror(error.number)))); raise the limit with: ulimit -u"
                )
            }
        }
    }

    // MARK: - From any thread

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if pthread_self() == ownThread.load(ordering: .relaxed) {
            ready.append(job)
            return
        }
        inbox.withLock { $0.append(job) }
        ring()
    }

    /// Makes the loop call `client.woken`.
    func wake() { raise(.wake) }

    /// Runs `errand` on the loop's thread.
    func post(_ errand: @escaping @Sendable () -> Void) {
        errands.withLock { $0.append(errand) }
        ring()
    }

    /// Ends all transfers as cancelled: those under way, and any later one.
    func cancelTransfers() { raise(.cancel) }

    /// Ends the thread and waits for its end, so that no code of libcurl runs on. All workers must
    /// have ended. To be called once, from another thread.
    func stop() {
        guard let thread = thread.withLock({ $0.take() }) else { return }  // never started
        raise(.stop)
        thread.join()
    }

    private func raise(_ flag: Flags) {
        let isNew = flags.withLock { $0.insert(flag).inserted }
        if isNew { ring() }
    }

    private func ring() {
        var one: UInt64 = 1
        // It can only fail when the counter is full, and then the loop wakes anyway.
        _ = write(bell, &one, 8)
    }

    // MARK: - The loop

    private func run() {
        ownThread.store(pthread_self(), ordering: .relaxed)
        // International host names are UTF-8, whatever the process's locale: libidn2 asks for it.
        let locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nil)
        uselocale(locale)
        defer {
            uselocale(globalLocale)
            freelocale(locale)
        }
        let capacity = 1024
        let events = UnsafeMutablePointer<epoll_event>.allocate(capacity: capacity)
        defer { events.deallocate() }
        while true {
            runReadyTasks()
            client?.turnEnds()
            if !ready.isEmpty { continue }
            sendRequests()
            let count = epoll_wait(epoll, events, Int32(capacity), timeoutMillis())
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
            resume(&answered)
            resume(&ended)
            if isStopped { break }
        }
        resolver.close()
        for shard in shards { shard.close() }
        shards = []
    }

    private var isStopped = false
    /// When the first transfer may have taken too long, in µs on the monotonic clock.
    private var nextLookMicros = 0

    private func endOverdue() {
        let now = now.monotonicMicros
        // A transfer that starts after this look cannot be overdue before then.
        nextLookMicros = now + min(settings.connectTimeoutMicros, settings.timeoutMicros)
        for shard in shards {
            nextLookMicros = min(nextLookMicros, shard.endOverdue(atMicros: now))
        }
    }

    /// Transfers by HTTPS with a head that began to come in this turn, if libcurl is one that may
    /// hold back a part of it.
    private var openHeads: [Transfer] = []

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
        if answered.count >= Self.block { goOn() }
    }

    private func answerLookup(_ event: epoll_event) {
        let isBroken = event.events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0
        lookups?.ready(
            event.data.fd, reads: isBroken || event.events & EPOLLIN.rawValue != 0,
            writes: event.events & EPOLLOUT.rawValue != 0)
    }

    /// The number of transfers that end before their workers go on. It is small enough that all the
    /// memory a request needs is still in the processor's cache when the next request starts, and
    /// large enough that the origin gets its requests in batches.
    private static let block = 12

    /// Lets the workers of answered transfers send their next requests, in the middle of a turn. A
    /// request that fails when it is sent waits for the end of the turn, when the breaker has heard
    /// of the failure.
    private func goOn() {
        resume(&answered)
        runReadyTasks()
        sendRequests()
    }

    /// Makes libcurl start the transfers that it was given: libcurl asks to be called at once for
    /// them.
    private func sendRequests() {
        for shard in shards where shard.deadlineMicros == 0 { shard.timeOut() }
    }

    private func answerBell() {
        var value: UInt64 = 0
        _ = read(bell, &value, 8)
        inbox.withLock {
            ready.append(contentsOf: $0)
            $0.removeAll(keepingCapacity: true)
        }
        let raised = flags.withLock { flags in
            defer { flags = [] }
            return flags
        }
        if raised.contains(.cancel) {
            isCancelled = true
            for shard in shards { shard.endAll(as: .cancelled) }
        }
        for errand in errands.withLock({ errands in
            defer { errands = [] }
            return errands
        }) { errand() }
        if raised.contains(.wake) { client?.woken() }
        if raised.contains(.stop) { isStopped = true }
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

    private func resume(_ transfers: inout [Transfer]) {
        guard !transfers.isEmpty else { return }
        client?.willResume(transfers.count, at: now)
        for transfer in transfers { transfer.resumeWorker() }
        transfers.removeAll(keepingCapacity: true)
    }

    // MARK: - For workers and libcurl, on the loop's thread

    func makeTransfer(inShard index: Int) -> Transfer { Transfer(loop: self, number: index) }

    /// The shard for transfers of a number. By HTTPS, transfers share half as many shards: fewer
    /// connections carry the streams of HTTP/2, and libcurl's walks through connections weigh less
    /// beside TLS.
    func shard(_ number: Int, isHTTPS: Bool) -> Shard {
        shards[isHTTPS ? number % ((shards.count + 1) / 2) : number]
    }

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

/// LC_GLOBAL_LOCALE, a macro Swift does not import.
// nonisolated(unsafe) holds because it is a number made to look like a pointer: nothing is behind
// it.
private nonisolated(unsafe) let globalLocale = locale_t(bitPattern: -1)
