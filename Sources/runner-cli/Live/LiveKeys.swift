import JobStore
import Runner
import Synchronization

/// The keys of a live view: pages of the view, and what the commands `pause`, `resume` and `set` do.
final class LiveKeys: Sendable {
    private let screen: LiveScreen
    /// Calls its argument with the queue.
    private let withQueue:
        @Sendable (@Sendable (any JobQueue) async throws -> String) async throws -> String
    /// Drains the run, and returns what to say of it.
    private let drain: @Sendable () async throws -> String
    /// Leaves the view; only of a run in another process.
    private let leave: @Sendable () -> Void
    /// The number of workers that was asked for last, until the run has as many.
    private let asked = Locked<(workers: Int, until: ContinuousClock.Instant)?>(nil)

    init(
        screen: LiveScreen,
        withQueue:
            @escaping @Sendable (@Sendable (any JobQueue) async throws -> String) async throws ->
            String,
        drain: @escaping @Sendable () async throws -> String,
        leave: @escaping @Sendable () -> Void = {}
    ) {
        self.screen = screen
        self.withQueue = withQueue
        self.drain = drain
        self.leave = leave
    }

    /// Answers what keys have sent. Longer sequences, as of arrows, mean nothing.
    func press(_ bytes: [UInt8]) {
        if bytes.count > 1, bytes[0] == 0x1B { return }
        for byte in bytes { press(byte) }
    }

    private func press(_ byte: UInt8) {
        switch (byte, screen.role) {
        case (UInt8(ascii: "h"), _): screen.show(.hosts)
        case (UInt8(ascii: "f"), _): screen.show(.failures)
        case (UInt8(ascii: "?"), _): screen.show(.help)
        case (0x1B, _): screen.show(.overview)
        case (0x0C, _): screen.redraw()
        case (UInt8(ascii: "p"), _): pause()
        case (UInt8(ascii: "+"), _), (UInt8(ascii: "="), _): workers(by: 1)
        case (UInt8(ascii: "-"), _): workers(by: -1)
        case (UInt8(ascii: "q"), .run), (UInt8(ascii: "d"), .watch):
            act { [drain] in try await drain() }
        case (UInt8(ascii: "q"), .watch): leave()
        default: break
        }
    }

    private func pause() {
        act { [withQueue] in
            try await withQueue { queue in
                let isPaused = try await queue.isPaused()
                try await queue.setPaused(!isPaused)
                return isPaused ? "asked the run to go on" : "asked the run to pause"
            }
        }
    }

    private func workers(by sign: Int) {
        guard let figures = screen.monitor.read({ $0.latest?.figures }), figures.workersMax > 0
        else { return }
        let now = ContinuousClock.now
        let wanted = asked.withLock { asked in
            let before = asked.flatMap { $0.until > now ? $0.workers : nil } ?? figures.workers
            let wanted = Self.workers(before, by: sign, max: figures.workersMax)
            asked = (wanted, now + .seconds(3))
            return wanted
        }
        act { [withQueue] in
            try await withQueue { queue in
                var change = LimitChange()
                change.workers = wanted
                guard let run = try await queue.counts().runs.first,
                    try await queue.ask(change.kept, of: run.id) != nil
                else { return "the run has ended" }
                let most = wanted == figures.workersMax ? ", as many as the run began with" : ""
                return "asked the run for \(Format.count(wanted)) workers\(most)"
            }
        }
    }

    /// A tenth more or fewer, from 1 to as many as the run has room for.
    static func workers(_ now: Int, by sign: Int, max: Int) -> Int {
        Swift.min(max, Swift.max(1, now + sign * Swift.max(1, now / 10)))
    }

    private func act(_ action: @escaping @Sendable () async throws -> String) {
        // Bare: a key is answered whatever becomes of it, and its thread must not wait for the queue.
        Task { [screen] in
            do {
                screen.say(try await action())
            } catch let error as QueueError {
                screen.say(Terminal.escaped(error.sentence))
            } catch {
                screen.say(Terminal.escaped("\(error)"))
            }
        }
    }
}
