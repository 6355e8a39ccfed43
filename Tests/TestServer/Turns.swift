import NIOCore
import NIOPosix

/// Lets the connections of an event loop that could write without end take turns with all others.
///
/// NIO runs tasks until none is ready before it looks at its sockets again. A task that schedules
/// itself anew at once, or a few that take longer than they wait, would keep it from that for good.
/// So there is one timer for all of them, set only when all have had their turn.
final class Turns {
    // Safe, as the variable never changes and each thread finds only the value it put there itself.
    nonisolated(unsafe) private static let current = ThreadSpecificVariable<Turns>()

    /// The time between two rounds: long enough for NIO to find no task ready.
    private static let gap = TimeAmount.microseconds(50)

    private var waiting: [() -> Void] = []

    /// Runs `action` once, after the sockets of `eventLoop`, which this must be called on, were
    /// looked at.
    static func wait(on eventLoop: any EventLoop, _ action: @escaping () -> Void) {
        let turns = current.currentValue ?? Turns()
        current.currentValue = turns
        turns.waiting.append(action)
        if turns.waiting.count == 1 { turns.schedule(on: eventLoop) }
    }

    private func schedule(on eventLoop: any EventLoop) {
        eventLoop.assumeIsolated().scheduleTask(in: Self.gap) { self.playRound(on: eventLoop) }
    }

    private func playRound(on eventLoop: any EventLoop) {
        // Those that want another turn find the list not empty, and so set no timer of their own.
        let round = waiting.count
        for index in 0..<round {
            waiting[index]()
        }
        waiting.removeFirst(round)
        if !waiting.isEmpty { schedule(on: eventLoop) }
    }
}
