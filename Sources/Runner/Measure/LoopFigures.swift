internal import JobStore
internal import Synchronization

/// The measurements of one event loop at one moment, but for those of hosts.
struct LoopFigures: Sendable {
    let sums: LoopMeasures.Sums
    let firstByte: Histogram
    let connect: Histogram
    let tls: Histogram
    let whole: Histogram

    /// Copies some 15 KB. On the loop's thread, or once that has ended.
    init(_ loop: LoopMeasures) {
        sums = loop.sums.pointee
        firstByte = Histogram(loop.firstByte)
        connect = Histogram(loop.connect)
        tls = Histogram(loop.tls)
        whole = Histogram(loop.whole)
    }
}

/// The measurements of a run while it goes on: each loop posts its own now and then, and whoever
/// commits takes the sum.
final class MeasureBoard: Sendable {
    private struct State {
        var loops: [Int: (figures: LoopFigures, idle: IdleTime)] = [:]
        var isNew = false
    }

    private let state = Locked(State())
    /// The least time in µs between two posts of a loop.
    static let intervalMicros = 1_000_000

    /// - Parameter loop: The number of the loop, which replaces its figures from before.
    func post(_ figures: LoopFigures, _ idle: IdleTime, of loop: Int) {
        state.withLock {
            $0.loops[loop] = (figures, idle)
            $0.isNew = true
        }
    }

    /// Returns the sum of what the loops posted last; `nil` when nothing was since the last call.
    /// The hosts are not among it.
    func take() -> RunMeasures? {
        let loops = state.withLock { state in
            defer { state.isNew = false }
            return state.isNew ? Array(state.loops.values) : []
        }
        return loops.isEmpty ? nil : RunMeasures(loops.map(\.figures), loops.map(\.idle), [])
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

    mutating func post(_ idle: IdleTime, at now: Now) {
        nextMicros = now.monotonicMicros + MeasureBoard.intervalMicros
        board.post(LoopFigures(measures), idle, of: loop)
    }
}
