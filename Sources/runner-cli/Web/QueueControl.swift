import ArgumentParser
import JobStore
import Runner
import WebView

/// Does what people ask of a queue on its page, by the commands that do the same.
struct QueueControl: Sendable {
    /// The queue as commands name it.
    let path: String
    /// The only batch that is shown, whose failed jobs alone are put back; `nil` for all.
    var batch: Batch.ID?

    /// - Throws: `ActionRefusal`, also when the store fails.
    func perform(
        _ action: QueueAction, in store: any JobQueue
    ) async throws(ActionRefusal) -> ActionResult {
        do {
            switch action {
            case .pause: return try await pause(true, in: store)
            case .resume: return try await pause(false, in: store)
            case .drain: return try await drain(in: store)
            case .limit(let values): return try await limit(values, in: store)
            case .retry(let outcomes): return try await retry(outcomes, in: store)
            }
        } catch let refusal as ActionRefusal {
            throw refusal
        } catch let error as QueueError {
            throw ActionRefusal(error.sentence)
        } catch let refusal as RunProcess.Refusal {
            throw ActionRefusal(refusal.description)
        } catch {
            // What the command would say of the same options.
            throw ActionRefusal(
                RunnerCommand.message(for: error).split(separator: "\n").first.map(String.init)
                    ?? "this cannot be done")
        }
    }

    private func pause(_ isPaused: Bool, in store: any JobQueue) async throws -> ActionResult {
        let isNew = try await store.setPaused(isPaused)
        let pid = try await store.counts().runs.first?.pid
        let report = PauseReport(isPaused: isPaused, isNew: isNew, pid: pid)
        return ActionResult(
            text: report.text(of: path),
            command: "runner \(isPaused ? "pause" : "resume")\(RetryAdvice.option(path))")
    }

    /// Asks the process that runs the queue, another one, to drain.
    private func drain(in store: any JobQueue) async throws -> ActionResult {
        guard let run = try await store.counts().runs.first else {
            throw ActionRefusal("no run is going on")
        }
        try RunProcess.drain(run, lock: QueueOptions.real(path) + "-lock")
        return ActionResult(
            text: "asked process \(run.pid) to finish the requests in flight and end",
            command: "kill -TERM \(run.pid)")
    }

    private func limit(
        _ values: [String: String], in store: any JobQueue
    ) async throws -> ActionResult {
        let options = values.sorted { $0.key < $1.key }.map { "--\($0.key)=\($0.value)" }
        let command = try SetLimits.parse(options + ["--queue=\(path)"])
        let report = try await command.ask(store)
        return ActionResult(
            text: report.text(of: path),
            command:
                "runner set \(LimitsDocument(report.change).text)\(RetryAdvice.option(path))")
    }

    private func retry(_ outcomes: String, in store: any JobQueue) async throws -> ActionResult {
        let only = batch.map { ["--batch=\($0)"] } ?? []
        let command = try Retry.parse(["--outcome=\(outcomes)", "--queue=\(path)"] + only)
        let report = try await command.putBack(in: store)
        return ActionResult(
            text: report.text(of: path),
            command:
                "\(RetryAdvice.command(path)) --outcome \(ShellWord.quoted(outcomes))"
                + (batch.map { " --batch \($0)" } ?? ""))
    }
}
