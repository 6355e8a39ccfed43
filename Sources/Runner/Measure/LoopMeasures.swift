internal import Glibc
internal import JobStore

/// The measurements of one event loop's requests. Of fixed size; used on the loop's thread, and by
/// others once that has ended.
final class LoopMeasures {
    /// Behind a pointer, like all that changes with each request: an access to a class's property
    /// would be checked each time.
    let sums = UnsafeMutablePointer<Sums>.allocate(capacity: 1)
    /// From when a request is sent to the first byte of its response.
    let firstByte = Tally.make(.fine)
    /// Connections, without TLS.
    let connect = Tally.make(.fine)
    /// TLS handshakes.
    let tls = Tally.make(.fine)
    /// Attempts, redirects included.
    let whole = Tally.make(.fine)
    let hosts = HostMeasures()

    struct Sums: Sendable {
        var requests = RunMeasures.Requests()
        /// The time in µs that attempts took in all.
        var wholeMicros = 0
        /// The time in µs that attempts took to look names up.
        var resolvingMicros = 0
        /// The time in µs that attempts took to connect, or waited for others that connect.
        var connectingMicros = 0
    }

    init() { sums.initialize(to: Sums()) }

    deinit {
        sums.deallocate()
        for tally in [firstByte, connect, tls, whole] { tally.free() }
    }

    /// Counts an attempt that has ended.
    ///
    /// - Parameter firstByteMicros: The time to the first byte of the job's own host, or a negative
    ///   number when none came.
    @inline(__always)
    func ended(_ chunk: RequestChunk, wholeMicros: Int, firstByteMicros: Int) {
        sums.pointee.wholeMicros &+= wholeMicros
        whole.add(wholeMicros)
        hosts.ended(chunk, wholeMicros: wholeMicros, firstByteMicros: firstByteMicros)
    }
}

/// The measurements of up to `countMax` hosts. Of two hosts that fall on one place, the one with
/// the slower attempt is kept, so that slow hosts stay however many there are.
final class HostMeasures {
    /// The most hosts, a power of two.
    static let countMax = 1024

    /// The numbers of the hosts at each place; 0, which is no host's, where there is none.
    private let ids = UnsafeMutablePointer<Host.ID>.allocate(capacity: countMax)
    /// The two tallies of each place, of memory that is taken as hosts come.
    private let words = Tally.zeroed(countMax * 2 * wordCount)
    private var keys: [Int: HostKey] = [:]

    private static let wordCount = Tally.wordCount(.coarse)

    init() { ids.initialize(repeating: 0, count: Self.countMax) }

    deinit {
        ids.deallocate()
        free(words)
    }

    @inline(__always)
    private func whole(_ place: Int) -> Tally {
        Tally(words: words + 2 * place * Self.wordCount, scale: .coarse)
    }

    @inline(__always)
    private func firstByte(_ place: Int) -> Tally {
        Tally(words: words + (2 * place + 1) * Self.wordCount, scale: .coarse)
    }

    /// Counts an attempt at a job of a host. The parameters are those of `LoopMeasures.ended`.
    @inline(__always)
    func ended(_ chunk: RequestChunk, wholeMicros: Int, firstByteMicros: Int) {
        let place = chunk.hostID & (Self.countMax - 1)
        if ids[place] != chunk.hostID, !take(place, for: chunk, wholeMicros) { return }
        whole(place).add(wholeMicros)
        if firstByteMicros >= 0 { firstByte(place).add(firstByteMicros) }
    }

    /// Gives a place to another host, unless the one that has it was slower.
    private func take(_ place: Int, for chunk: RequestChunk, _ wholeMicros: Int) -> Bool {
        guard ids[place] == 0 || wholeMicros > whole(place).maxMicros else { return false }
        ids[place] = chunk.hostID
        keys[place] = chunk.host.key
        whole(place).clear()
        firstByte(place).clear()
        return true
    }

    /// The times of attempts by host, of those hosts that have a place.
    func times(of hosts: [Host.ID]) -> [Host.ID: Histogram] {
        hosts.reduce(into: [:]) { times, id in
            let place = id & (Self.countMax - 1)
            if ids[place] == id { times[id] = Histogram(whole(place)) }
        }
    }

    /// The hosts with their tallies, of attempts and of first bytes.
    var all: [(key: HostKey, whole: Tally, firstByte: Tally)] {
        keys.map { ($0.value, whole($0.key), firstByte($0.key)) }
    }
}
