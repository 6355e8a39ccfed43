internal import JobStore
internal import Synchronization

/// The measurements of one event loop at one moment. Of hosts, those that were asked for.
struct LoopFigures: Sendable {
    let sums: LoopMeasures.Sums
    let firstByte: Histogram
    let connect: Histogram
    let tls: Histogram
    let whole: Histogram
    /// The times of attempts by host.
    let hosts: [Host.ID: Histogram]

    /// Copies some 15 KB, and 2 KB a host. On the loop's thread, or once that has ended.
    init(_ loop: LoopMeasures, hosts: [Host.ID] = []) {
        self.hosts = loop.hosts.times(of: hosts)
        sums = loop.sums.pointee
        firstByte = Histogram(loop.firstByte)
        connect = Histogram(loop.connect)
        tls = Histogram(loop.tls)
        whole = Histogram(loop.whole)
    }
}

/// The measurements of a run while it goes on: each loop posts its own now and then, and the sampler
/// takes the sum. In return, what the run says of itself waits here for the next commit.
final class MeasureBoard: Sendable {
    private struct State {
        var loops: [Int: (figures: LoopFigures, idle: IdleTime)] = [:]
        /// The hosts whose times loops are to post.
        var hosts: [Host.ID] = []
        var text: String?
    }

    private let state = Locked(State())
    /// The least time in µs between two posts of a loop: several for each sample, so that each has
    /// the attempts of its own second.
    static let intervalMicros = 250_000

    /// - Parameter loop: The number of the loop, which replaces its figures from before.
    func post(_ figures: LoopFigures, _ idle: IdleTime, of loop: Int) {
        state.withLock { $0.loops[loop] = (figures, idle) }
    }

    /// The figures that the loops posted last.
    var loops: [(figures: LoopFigures, idle: IdleTime)] {
        state.withLock { Array($0.loops.values) }
    }

    /// The hosts whose times loops post.
    var hosts: [Host.ID] {
        get { state.withLock(\.hosts) }
        set { state.withLock { $0.hosts = newValue } }
    }

    /// Has a text kept in the queue with the next commit.
    func keep(_ text: String) { state.withLock { $0.text = text } }

    /// Takes the text that is to be kept; `nil` when there is none since the last call.
    func takeText() -> String? {
        state.withLock { state in
            defer { state.text = nil }
            return state.text
        }
    }
}

/// The place of one loop on a board. Used on the loop's thread alone.
struct MeasurePost {
    private let measures: LoopMeasures
    private let board: MeasureBoard
    private let loop: Int
    private var nextMicros = 0

    init(_ measures: LoopMeasures, to board: MeasureBoard, loop: Int) {
        self.measures = measures
        self.board = board
        self.loop = loop
    }

    /// Whether it is time to post.
    func isDue(at now: Now) -> Bool { now.monotonicMicros >= nextMicros }

    /// Counts an entity tag that was to be kept with its job's mark, and is none or too long.
    func leftOutEntityTag() {
        measures.sums.pointee.requests.entityTagsLeftOut =
            1 + (measures.sums.pointee.requests.entityTagsLeftOut ?? 0)
    }

    mutating func post(_ idle: IdleTime, at now: Now) {
        nextMicros = now.monotonicMicros + MeasureBoard.intervalMicros
        board.post(LoopFigures(measures, hosts: board.hosts), idle, of: loop)
    }
}
