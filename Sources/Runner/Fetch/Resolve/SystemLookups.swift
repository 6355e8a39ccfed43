internal import CAres
internal import Glibc
internal import JobStore
internal import Synchronization

/// Looks names up by the system's `getaddrinfo`, for names that c-ares does not know (mDNS, LDAP,
/// NIS and other modules of `nsswitch.conf`). `getaddrinfo` blocks, so it runs on threads of its
/// own, which serve the whole process: a run that ends does not wait for them.
final class SystemLookups: NameSource {
    /// The TTL of all answers, since `getaddrinfo` tells none.
    private static let ttlSeconds = 60
    /// The most lookups under way: more than a run has workers, because lookups that no client
    /// waits for any more are counted, too.
    private static let underWayMax = 20_000
    private let family: AddressFamily
    private let post: @Sendable (@escaping @Sendable () -> Void) -> Void
    private var told: [Int: (NameAnswer, Int) -> Void] = [:]
    private var lastNumber = 0

    /// - Parameter post: Calls its argument on the loop's thread; may be called from any thread.
    init(
        _ family: AddressFamily = .any,
        post: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void
    ) {
        self.family = family
        self.post = post
    }

    func ask(_ name: String, told: @escaping (NameAnswer, Int) -> Void) {
        guard self.told.count < Self.underWayMax else {
            return told(.trouble("too many lookups are under way"), 0)
        }
        lastNumber += 1
        let number = lastNumber
        self.told[number] = told
        let box = Box(self)
        LookupThreads.shared.add { [post, family] in
            let answer = Self.lookUp(name, family)
            post { box.source?.ended(number, answer) }
        }
    }

    private func ended(_ number: Int, _ answer: NameAnswer) {
        told.removeValue(forKey: number)?(answer, Self.ttlSeconds)
    }

    private final class Box: @unchecked Sendable {
        // @unchecked holds because it is looked into on the loop's thread only.
        weak let source: SystemLookups?
        init(_ source: SystemLookups) { self.source = source }
    }

    let deadlineMicros = Int.max
    func tick(at now: Now) {}
    func close() { told = [:] }

    private static func lookUp(_ name: String, _ family: AddressFamily) -> NameAnswer {
        var hints = addrinfo()
        hints.ai_family = family.number
        hints.ai_socktype = Int32(stream_socket)
        var first: UnsafeMutablePointer<addrinfo>?
        let result = getaddrinfo(name, nil, &hints, &first)
        defer { if let first { freeaddrinfo(first) } }
        switch result {
        case 0: break
        case EAI_NONAME, -5: return .noSuchName  // -5: EAI_NODATA, which glibc hides
        default: return .trouble(String(cString: gai_strerror(result)))
        }
        var texts: [String] = []
        var next = first
        while let node = next?.pointee, texts.count < NameAnswer.addressesMax {
            next = node.ai_next
            withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(NI_MAXHOST)) { text in
                guard
                    getnameinfo(
                        node.ai_addr, node.ai_addrlen, text.baseAddress, socklen_t(text.count), nil,
                        0, NI_NUMERICHOST) == 0
                else { return }
                let address = String(cString: text.baseAddress!)
                texts.append(node.ai_family == AF_INET6 ? "[\(address)]" : address)
            }
        }
        return texts.isEmpty ? .noSuchName : .addresses(texts.joined(separator: ","))
    }
}

/// Threads for calls that may take any time: at most `countMax` threads, started as needed.
private final class LookupThreads: Sendable {
    static let shared = LookupThreads()
    private static let countMax = 32

    private struct State {
        var work: [@Sendable () -> Void] = []
        var threads = 0
    }

    private let state = Locked(State())

    func add(_ work: @escaping @Sendable () -> Void) {
        let startsThread = state.withLock { state in
            state.work.append(work)
            guard state.threads < Self.countMax else { return false }
            state.threads += 1
            return true
        }
        guard startsThread else { return }
        do throws(SystemThread.Refusal) {
            _ = try SystemThread { [self] in run() }
        } catch {
            let isAlone = state.withLock { state in
                state.threads -= 1
                return state.threads == 0
            }
            // No thread at all: here, late, but done.
            if isAlone { run(isThread: false) }
        }
    }

    private func run(isThread: Bool = true) {
        while let work = state.withLock({ state -> (@Sendable () -> Void)? in
            if state.work.isEmpty {
                if isThread { state.threads -= 1 }
                return nil
            }
            return state.work.removeFirst()
        }) { work() }
    }
}
