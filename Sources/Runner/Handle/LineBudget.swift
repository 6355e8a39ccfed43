internal import JobStore
internal import Synchronization

/// Bounds the bytes of lines that are on their way to processes: who asks for more than is left waits,
/// in order.
final class LineBudget: Sendable {
    private struct Waiting {
        let number: Int
        let bytes: Int
        let turn: UnsafeContinuation<Void, any Error>
    }

    private struct State {
        var left: Int
        var lastNumber = 0
        var waiting: [Waiting] = []

        /// Takes those who wait and for whom there is enough.
        mutating func takeReady() -> [Waiting] {
            var ready: [Waiting] = []
            while let first = waiting.first, first.bytes <= left {
                left -= first.bytes
                ready.append(waiting.removeFirst())
            }
            return ready
        }
    }

    private let bytesMax: Int
    private let state: Locked<State>

    init(bytesMax: Int) {
        self.bytesMax = bytesMax
        state = Locked(State(left: bytesMax))
    }

    /// Takes bytes once there are as many; all of them for more than there ever are.
    ///
    /// - Returns: The bytes to give back.
    /// - Throws: `CancellationError`; then there is nothing to give back.
    func take(_ wanted: Int) async throws -> Int {
        let bytes = min(wanted, bytesMax)
        let number: Int? = state.withLock { state in
            if state.waiting.isEmpty, bytes <= state.left {
                state.left -= bytes
                return nil
            }
            state.lastNumber += 1
            return state.lastNumber
        }
        guard let number else { return bytes }
        try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { turn in
                let ready = state.withLock { state in
                    state.waiting.append(Waiting(number: number, bytes: bytes, turn: turn))
                    return state.takeReady()
                }
                for one in ready { one.turn.resume() }
                // Cancelled before it waited, nobody would call it off.
                if Task.isCancelled { callOff(number) }
            }
        } onCancel: {
            callOff(number)
        }
        return bytes
    }

    func giveBack(_ bytes: Int) {
        let ready = state.withLock { state in
            state.left += bytes
            return state.takeReady()
        }
        for one in ready { one.turn.resume() }
    }

    private func callOff(_ number: Int) {
        let (called, ready) = state.withLock { state -> (Waiting?, [Waiting]) in
            guard let index = state.waiting.firstIndex(where: { $0.number == number }) else {
                return (nil, [])
            }
            return (state.waiting.remove(at: index), state.takeReady())
        }
        called?.turn.resume(throwing: CancellationError())
        for one in ready { one.turn.resume() }
    }
}
