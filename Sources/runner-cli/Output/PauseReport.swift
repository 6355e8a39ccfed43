import JobStore
import Stores

/// The result of `pause` and `resume`; the JSON is a contract (docs/CLI.md).
struct PauseReport: Encodable {
    let isPaused: Bool
    let isNew: Bool
    /// The process of the run that is going on; `nil` when there is none.
    let pid: Int?

    private enum CodingKeys: String, CodingKey {
        case pid
        case isPaused = "paused"
        case isNew = "new"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(isPaused, forKey: .isPaused)
        try container.encode(isNew, forKey: .isNew)
        try container.encode(pid, forKey: .pid)  // null, not absent
    }

    /// Pauses a queue, or lets its runs go on.
    static func pausing(_ isPaused: Bool, at path: String) async throws -> PauseReport {
        let store = try openQueue(at: path)
        do {
            let isNew = try await store.setPaused(isPaused)
            let pid = try await store.counts().runs.first?.pid
            await store.close()
            return PauseReport(isPaused: isPaused, isNew: isNew, pid: pid)
        } catch {
            await store.close()
            throw error
        }
    }

    func text(of queue: String) -> String {
        let until = "until: \(PauseAdvice.resume(queue))"
        return switch (isPaused, isNew, pid) {
        case (true, true, let pid?):
            "paused \(queue): process \(pid) ends the requests in flight, and sends no more \(until)"
        case (true, true, nil): "paused \(queue): a run that is started waits \(until)"
        case (true, false, _): "\(queue) was paused before; nothing is sent \(until)"
        case (false, true, let pid?): "resumed \(queue): process \(pid) goes on"
        case (false, true, nil): "resumed \(queue); no run is going on"
        case (false, false, _): "\(queue) was not paused"
        }
    }
}

/// Advice on a queue that is paused.
enum PauseAdvice {
    /// The command that lets runs go on.
    static func resume(_ queue: String) -> String { "runner resume\(RetryAdvice.option(queue))" }

    /// A line of `status`.
    static func status(of queue: String, hasRun: Bool) -> String {
        let what = hasRun ? "nothing is sent" : "a run that is started waits"
        return "paused: \(what) until: \(resume(queue))"
    }
}
