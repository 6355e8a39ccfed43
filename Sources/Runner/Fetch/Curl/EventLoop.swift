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
    let epoll: Int32
    let bell: Int32
    /// The shards for requests, `places` in number, and behind them those that others have taken the
    /// place of, which have requests in flight still.
    var shards: [Shard] = []
    /// The number of shards for requests.
    let places: Int
    /// Whether some shard is worn.
    var areSomeWorn = false
    let settings: TransferSettings
    var sockets = SocketTable()
    /// Set once, at the end of `init`.
    private(set) var resolver: NameResolver! = nil
    /// The resolver's c-ares lookups, which are told of their sockets' events; `nil` when another
    /// resolver is used.
    private(set) var lookups: AresLookups?
    let sessions = TLSSessions()
    /// When a proxy last answered a request, in µs on the monotonic clock.
    var proxyAnsweredMicros = Int.min / 2
    /// The descriptors of the sockets of name lookups.
    var lookupSockets: Set<Int32> = []
    /// `errno` of the last descriptor that epoll did not take; `nil` when there is none to tell.
    var pollFailure: Int32?
    var ready: [UnownedJob] = []
    /// Transfers that an event of this turn ended and whose workers have not resumed.
    var answered: [Transfer] = []
    /// Transfers that ended in another way and whose workers have not resumed.
    var ended: [Transfer] = []
    private(set) var isCancelled = false
    private(set) var isStopped = false
    /// When the first transfer may have taken too long, in µs on the monotonic clock.
    var nextLookMicros = 0
    /// Transfers by HTTPS with a head that began to come in this turn, if libcurl is one that may
    /// hold back a part of it.
    var openHeads: [Transfer] = []
    let client: (any EventLoopClient)?
    /// The measurements of the loop's requests. Used on the loop's thread, and after its end.
    let measures = LoopMeasures()
    /// The time, read once a turn.
    var now = Now.read()

    /// The thread that `stop` waits for; `nil` before it was started.
    private let thread = Locked<SystemThread?>(nil)
    /// The loop's thread, set by the thread itself before it runs anything.
    let ownThread = Atomic<UInt>(0)
    private let inbox = Locked<[UnownedJob]>([])
    private let errands = Locked<[@Sendable () -> Void]>([])
    private struct Flags: OptionSet {
        let rawValue: Int
        static let wake = Flags(rawValue: 1)
        static let cancel = Flags(rawValue: 2)
        static let stop = Flags(rawValue: 4)
    }
    private let flags = Locked<Flags>([])
    /// Whether the bell rings and the loop has not heard it: then nobody need ring.
    private let isRinging = Atomic(false)

    /// - Throws: When the kernel gives no epoll or eventfd.
    init(
        shards count: Int, _ settings: TransferSettings = TransferSettings(FetchOptions()),
        client: (any EventLoopClient)? = nil, addresses: SharedAddresses = SharedAddresses()
    ) throws(LimitError) {
        Self.initializeCurl
        self.settings = settings
        self.client = client
        places = count
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        bell = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        guard epoll >= 0, bell >= 0,
            epoll_control(epoll, EPOLL_CTL_ADD, bell, EPOLLIN.rawValue) == 0
        else {
            throw LimitError(
                "this system gives no event loop (\(String(cString: strerror(errno))))",
                remedy: .allowOpenFiles(4096))
        }
        for _ in 0..<count {
            shards.append(Shard(loop: self))
        }
        let family = settings.options.family
        resolver = NameResolver(source(settings.options), family, addresses) {
            [unowned self] in now
        }
    }

    private func source(_ options: FetchOptions) -> any NameSource {
        switch options.resolver {
        case .ares:
            let lookups = AresLookups(self, servers: options.nameServers, options.family)
            self.lookups = lookups
            return lookups
        case .system:
            return SystemLookups(options.family) { [weak self] errand in self?.post(errand) }
        }
    }

    deinit {
        for shard in shards { shard.close() }  // of a loop that was never started
        close(epoll)
        close(bell)
    }

    static let initializeCurl: Void = { curl_global_init(Int(CURL_GLOBAL_ALL)) }()

    /// Starts the thread; `stop` ends it.
    ///
    /// - Throws: When the system gives no thread.
    func start() throws(LimitError) {
        try thread.withLock { thread throws(LimitError) in
            do throws(SystemThread.Refusal) {
                thread = try SystemThread { [self] in run() }
            } catch {
                throw LimitError(
                    "this system gives no thread for an event loop (\(String(cString: strerror(error.number))))",
                    remedy: .allowThreads)
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

    /// Suspends a task of the loop until the loop's next turn.
    func nextTurn() async {
        await withUnsafeContinuation { task in post { task.resume() } }
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
        guard !isRinging.exchange(true, ordering: .acquiringAndReleasing) else { return }
        var one: UInt64 = 1
        // It can only fail when the counter is full, and then the loop wakes anyway.
        _ = write(bell, &one, 8)
    }

    /// Does what other threads rang for.
    func answerBell() {
        var value: UInt64 = 0
        _ = read(bell, &value, 8)
        // Before a look at what was left: who leaves something later rings again.
        isRinging.store(false, ordering: .sequentiallyConsistent)
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

    // MARK: - For transfers

    func makeTransfer(inShard index: Int) -> Transfer { Transfer(loop: self, number: index) }

    /// The shard for transfers of a number, 0 or more. By HTTPS, transfers share half as many shards: fewer
    /// connections carry the streams of HTTP/2, and libcurl's walks through connections weigh less
    /// beside TLS.
    func shard(_ number: Int, isHTTPS: Bool) -> Shard {
        shards[number % (isHTTPS ? (places + 1) / 2 : places)]
    }
}
