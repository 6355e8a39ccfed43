internal import CGlibc
internal import Glibc

/// The limits of this machine, looked at before the first request.
public enum MachineLimits {
    /// Idle connections that a shard keeps beyond one for each worker.
    static let spareConnections = 10
    /// The most shards that others have taken the place of, by the number of places.
    static let formerShardsMax = 2
    /// Descriptors for the standard streams, queue, WAL, locks, epolls, and some to spare.
    private static let reserved = 64

    public static var cores: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

    /// Raises the soft limit of descriptors to the hard limit when a run needs more than the soft
    /// one.
    ///
    /// - Parameter shards: Returns the number of shards for a number of workers.
    /// - Throws: `LimitError` when the run needs more than the hard limit.
    static func allow(workers: Int, shards: (Int) -> Int) throws {
        // A multi handle has a socket pair of its own.
        func needed(_ workers: Int) -> Int {
            let places = shards(workers) * (1 + formerShardsMax)
            return min(workers, Int.max / 2) + places * (spareConnections + 2) + reserved
        }
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        if limit.rlim_cur >= needed(workers) { return }
        guard limit.rlim_max >= needed(workers) else {
            var (most, tooMany) = (0, workers)
            while tooMany - most > 1 {
                let middle = most + (tooMany - most) / 2
                if limit.rlim_max >= needed(middle) { most = middle } else { tooMany = middle }
            }
            throw LimitError(
                "\(workers) workers need \(needed(workers)) open files, and this system allows \(limit.rlim_max)",
                remedy: most >= 1
                    ? .useWorkers(most, orOpenFiles: needed(workers))
                    : .allowOpenFiles(needed(workers)))
        }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    /// Returns a warning when so many connections to one address may not find a local port each;
    /// `nil` otherwise. Connections to several addresses can share a port.
    public static func portWarning(workers: Int) -> LimitError? {
        guard let text = contents(of: "/proc/sys/net/ipv4/ip_local_port_range") else { return nil }
        let bounds = text.split { $0 == "\t" || $0 == " " || $0 == "\n" }.compactMap { Int($0) }
        guard bounds.count == 2, workers > bounds[1] - bounds[0] else { return nil }
        return LimitError(
            "\(workers) workers may run out of local ports: this system has \(bounds[1] - bounds[0] + 1) for one address",
            remedy: .allowPorts)
    }

    /// The resident memory of this process in bytes.
    static var residentBytes: Int { pages?.resident ?? 0 }

    /// The CPU time in µs that this process has taken, of user and system.
    static var cpuMicros: Int {
        var time = timespec()
        guard clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0 else { return 0 }
        return time.tv_sec * 1_000_000 + time.tv_nsec / 1000
    }

    /// The virtual and the resident memory of this process in bytes.
    static var pages: (virtual: Int, resident: Int)? {
        let counts = contents(of: "/proc/self/statm")?.split(separator: " ").prefix(2)
            .compactMap { Int($0) }
        guard let counts, counts.count == 2 else { return nil }
        return (counts[0] * Int(getpagesize()), counts[1] * Int(getpagesize()))
    }

    /// Bytes that the allocator holds and nobody uses.
    static var allocatorFreeBytes: Int { Int(clamping: mallinfo2().fordblks) }

    /// Prepares the C library and the signals, which must happen before the first thread starts.
    ///
    /// The allocator gets one heap for each loop, so that loops do not wait for each other, and two
    /// for the rest, instead of eight a core; this keeps memory flat over days. A heap takes 64 MB
    /// of address space, used or not, and a stack takes 8 MB. Where address space is limited, there
    /// is one heap, and stacks get less.
    public static func prepareProcess() {
        let isTight = MemoryCeiling.addressSpaceLimit != nil
        mallopt(M_ARENA_MAX, isTight ? 1 : Int32(clamping: cores + 2))
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setstacksize(&attributes, 1 << 20)
        if isTight { _ = set_default_thread_attributes(&attributes) }
        pthread_attr_destroy(&attributes)
        watch_for_faults()
        signal(SIGPIPE, SIG_IGN)
        // A file beyond `RLIMIT_FSIZE` is an error like any other.
        signal(SIGXFSZ, SIG_IGN)
    }

    /// Has the terminal at standard input get settings back should a fault end the process.
    ///
    /// - Parameters:
    ///   - settings: A `termios`; `nil` when there is nothing to put back any more.
    ///   - byteCount: Its size.
    public static func restoresTerminal(to settings: UnsafeRawPointer?, byteCount: Int = 0) {
        note_terminal(settings, byteCount)
    }

    /// Gives blocks of 64 KB and more pages of their own from now on, which go back to the kernel
    /// with the block. By itself glibc raises this limit with each such block that is freed, up to
    /// 32 MB: then buffers come from the heap, and leave holes there that small blocks break up.
    static func keepLargeBlocksApart() { mallopt(M_MMAP_THRESHOLD, 64 << 10) }

    /// Drops all code from memory, once starting up is over: some of it a run has no more use for
    /// (options, help, the start of TLS libraries). Code that the run uses comes back from the page
    /// cache. Breakpoints that a debugger set before are lost.
    ///
    /// At the end of a run of 6,000,000 jobs with 1,000 workers, a process takes 36 MB with this
    /// and 42 MB without it.
    static func forgetStartUpCode() {
        _ = iterate_loaded_objects(
            { object, _, _ in
                guard let object = object?.pointee else { return 0 }
                let page = UInt(getpagesize())
                for part in UnsafeBufferPointer(
                    start: object.parts, count: Int(object.part_count))
                // Code is never written to, so that nothing but a copy of a file is dropped.
                where part.p_type == PT_LOAD && part.p_flags & UInt32(PF_X | PF_W) == PF_X {
                    let address = UInt(object.address &+ part.p_vaddr)
                    let start = (address + page - 1) / page * page
                    let end = (address + UInt(part.p_memsz)) / page * page
                    guard start < end else { continue }
                    madvise(
                        UnsafeMutableRawPointer(bitPattern: start), Int(end - start), MADV_DONTNEED)
                }
                return 0
            }, nil)
    }

    static func contents(of path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = read(descriptor, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }
}
