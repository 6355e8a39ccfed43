internal import CCurl
internal import Glibc
internal import JobStore
internal import Synchronization

/// What a loop's owner is told, always on the loop's thread.
protocol EventLoopClient: AnyObject, Sendable {
    /// So many transfers ended; their workers resume next.
    func willResume(_ workers: Int, at now: Now)
    /// All that could run has run; the loop is about to wait for its sockets.
    func turnEnds()
    /// `EventLoop.wake` was called.
    func woken()
}

/// One thread that polls its sockets and runs the worker tasks that wait for them, so that a
/// request needs no thread hop.
///
/// It holds several small curl multi handles on one epoll: libcurl 7.88 walks its list of
/// connections twice a request, so 32 × 32 connections cost far less than 1 × 1,000.
final class EventLoop: TaskExecutor, @unchecked Sendable {
    // @unchecked holds because all but `inbox`, `errands`, `flags`, `joinable` and `ownThread` belong
    // to the loop's thread.
    private let epoll: Int32
    private let bell: Int32
    private var shards: [Shard] = []
    let settings: TransferSettings
    private var sockets = SocketTable()
    /// Set once, at the end of `init`.
    private(set) var resolver: NameResolver! = nil
    let sessions = TLSSessions()
    /// Sockets of lookups.
    private var lookupSockets: Set<Int32> = []
    /// `errno` where epoll did not take a descriptor.
    private var pollFailure: Int32?
    private var ready: [UnownedJob] = []
    /// Transfers that ended and whose workers have not resumed: by an event of this turn, or else.
    private var answered: [Transfer] = []
    private var ended: [Transfer] = []
    private(set) var isCancelled = false
    weak var client: (any EventLoopClient)?
    /// Read once a turn.
    private(set) var now = Now.read()

    /// What `stop` waits for.
    private let joinable = Atomic<UInt>(0)
    /// Set by the thread itself, before it runs anything.
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

    /// The sockets' side of the resolver; `nil` where it has none.
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
        var thread = pthread_t()
        // Retained until the thread ends.
        let me = Unmanaged.passRetained(self).toOpaque()
        let result = pthread_create(
            &thread, nil,
            { me in
                Unmanaged<EventLoop>.fromOpaque(me!).takeRetainedValue().run()
                return nil
            }, me)
        guard result == 0 else {
            Unmanaged<EventLoop>.fromOpaque(me).release()
            throw LimitError(
                description:
                    "this system gives no thread for an event loop (\(String(cString: strerror(result)))); raise the limit with: ulimit -u"
            )
        }
        joinable.store(thread, ordering: .relaxed)
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

    /// Has `client.woken` called on the loop.
    func wake() { raise(.wake) }

    /// Has `errand` run on the loop.
    func post(_ errand: @escaping @Sendable () -> Void) {
        errands.withLock { $0.append(errand) }
        ring()
    }

    /// Ends all transfers as cancelled, now and from now on.
    func cancelTransfers() { raise(.cancel) }

    /// Ends the thread and waits for it, so that nothing of libcurl runs on. All workers must have
    /// ended. To be called once, from another thread.
    func stop() {
        let thread = joinable.load(ordering: .relaxed)
        guard thread != 0 else { return }  // never started
        raise(.stop)
        pthread_join(thread, nil)
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
    /// When the first transfer may have taken too long.
    private var nextLookMicros = 0

    private func endOverdue() {
        let now = now.monotonicMicros
        // A transfer that starts after this look cannot be overdue before then.
        nextLookMicros = now + min(settings.connectTimeoutMicros, settings.maxTimeMicros)
        for shard in shards {
            nextLookMicros = min(nextLookMicros, shard.endOverdue(atMicros: now))
        }
    }

    /// Heads by HTTPS that began to come in this turn.
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
            // An idle connection hung up, or spoke: who wants it again finds out.
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

    /// How many transfers end before their workers go on: few enough for all that a request needs to
    /// be in the processor's cache yet when the next one starts, enough for the origin to get its
    /// requests in batches.
    private static let block = 12

    /// Amid a turn: lets the workers of what was answered send their next requests. What fails in
    /// being sent waits for the turn's end, when the breaker has heard of it.
    private func goOn() {
        resume(&answered)
        runReadyTasks()
        sendRequests()
    }

    /// Has libcurl start what it was given: it asks to be called at once.
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

    /// Where transfers of a number belong. By HTTPS they share half as many: fewer connections carry
    /// the streams of HTTP/2, and libcurl's walks through connections weigh less beside TLS.
    func shard(_ number: Int, isHTTPS: Bool) -> Shard {
        shards[isHTTPS ? number % ((shards.count + 1) / 2) : number]
    }

    /// libcurl's wish for a socket. A removal only clears the wish: the descriptor stays in epoll
    /// for its connection's next request, which saves two `epoll_ctl` a request.
    ///
    /// - Returns: Whether epoll takes it.
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

    /// Has epoll tell of a descriptor's events.
    private func poll(_ descriptor: Int32, _ events: UInt32, isNew: Bool) -> Bool {
        let (first, second) =
            isNew ? (EPOLL_CTL_ADD, EPOLL_CTL_MOD) : (EPOLL_CTL_MOD, EPOLL_CTL_ADD)
        if epoll_control(epoll, first, descriptor, events) == 0 { return true }
        // What is known of it may be wrong, were a descriptor closed behind our back.
        guard errno == EEXIST || errno == ENOENT else { return false }
        return epoll_control(epoll, second, descriptor, events) == 0
    }

    /// Why epoll last took no descriptor; told once.
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

    /// Ends an idle connection on which there is something to read. Whoever was about to use it then
    /// fails to send, and takes another one.
    ///
    /// - Parameter port: The local one.
    /// - Parameter hasPending: Whether something was read of it that nobody has asked for.
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

    /// Whether a connection from that local port has a request on its way.
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
// nonisolated(unsafe) holds because it is a number made to look like a pointer: nothing is behind it.
private nonisolated(unsafe) let globalLocale = locale_t(bitPattern: -1)
