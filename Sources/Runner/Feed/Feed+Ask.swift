internal import JobStore
internal import Synchronization

extension Feed {
    /// Asks the queue, and wakes loops in time until it has answered: that may take as long as the
    /// queue is out of reach, and the jobs at hand are not to wait for it.
    func ask<Answer: Sendable>(
        _ question: @Sendable () async throws(QueueError) -> Answer
    ) async throws -> Answer {
        isAsking.withLock { $0 = true }
        async let waking: Void = wakeInTime()
        let answer: Result<Answer, any Error>
        do { answer = .success(try await patience.whileBusy(question)) } catch {
            answer = .failure(error)
        }
        isAsking.withLock { $0 = false }
        bell.ring()
        await waking
        return try answer.get()
    }

    /// Wakes loops as `run` does, which waits for the queue meanwhile.
    private func wakeInTime() async {
        while isAsking.withLock(\.self) {
            let now = Now.read()
            let (isWakeDue, nextMicros) = state.withLock { state in
                let nextMicros = state.nextWake(at: now)
                let isWakeDue = state.isWakeDue(at: now)
                if isWakeDue { state.areWoken() }
                return (isWakeDue, nextMicros)
            }
            if isWakeDue { wakeLoops() }
            await bell.wait(untilMicros: nextMicros)
        }
    }
}
