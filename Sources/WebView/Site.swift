internal import PageFiles
internal import Runner

/// The answers to requests, whatever carries them.
struct Site: Sendable {
    let queues: [any WatchedQueue]
    let rules: AccessRules

    /// The thing to do about a request.
    enum Reply: Sendable {
        case answer(Answer)
        /// The state of a queue from now on.
        case stream(queue: Int)
        /// An action that people ask for.
        case perform(queue: Int, QueueAction)
    }

    func reply(to request: WebRequest, _ body: [UInt8]) -> Reply {
        guard let route = Route(request, queues: queues.count) else {
            // Nobody learns more of a host that is not ours.
            if let refusal = rules.refusal(of: request, .host) { return .answer(.of(refusal)) }
            return .answer(.text(404, "there is nothing here"))
        }
        if let refusal = rules.refusal(of: request, route.need) { return .answer(.of(refusal)) }
        guard request.method == route.method else {
            var answer = Answer.text(405, "this takes \(route.method) alone")
            answer.fields.append(("Allow", route.method))
            return .answer(answer)
        }
        switch route {
        case .live: return .answer(.text(200, "ok"))
        case .ready: return .answer(ready)
        case .metrics: return .answer(metrics)
        case .start: return .answer(.file(queues.count == 1 ? .page : .list))
        case .page: return .answer(.file(.page))
        case .part(let name):
            return .answer(PageFile.parts[name].map(Answer.file) ?? .text(404, "no such file"))
        case .session: return .answer(session(body))
        case .queues: return .answer(.json(HistoryDocument.text(queues)))
        case .events(let queue): return .stream(queue: queue)
        case .history(let queue, let span):
            let history = queues[queue].monitor.read(\.history)
            return .answer(
                HistoryDocument.text(history, span: span).map { .json($0) }
                    ?? .text(404, "there is no such span"))
        case .failures(let queue):
            return .answer(.json(HistoryDocument.text(queues[queue].monitor.read(\.failures))))
        case .action(let queue, let name):
            guard let values = FormText.values(of: body), let action = QueueAction(name, values)
            else { return .answer(.text(400, "this is no action")) }
            return .perform(queue: queue, action)
        }
    }

    /// The state of a queue for its page.
    func state(of queue: Int, isFirst: Bool) -> [UInt8] {
        let queue = queues[queue]
        let state = queue.monitor.read { $0 }
        return StateDocument.text(
            state, queue.facts, title: queue.title, version: rules.options.version,
            isFirst: isFirst)
    }

    /// Numbers of which one changes whenever the state of a queue does.
    func version(of queue: Int) -> [Int] {
        let monitor = queues[queue].monitor
        let state = queues[queue].facts.state
        return monitor.read {
            [
                $0.latest?.takenAtMicros ?? 0, $0.events.last?.number ?? 0,
                QueueFacts.State.allCases.firstIndex(of: state) ?? 0,
            ]
        }
    }

    /// Whether all queues have been looked at.
    private var ready: Answer {
        let isReady = queues.allSatisfy { queue in
            let state = queue.facts.state
            return state != .starting && state != .unreadable
        }
        return isReady ? .text(200, "ready") : .text(503, "not ready")
    }

    private var metrics: Answer {
        let text = MetricsText.text(
            of: queues, version: rules.options.version,
            isOwnProcess: rules.options.isOwnProcess)
        return Answer(
            status: 200,
            fields: [("Content-Type", "text/plain; version=0.0.4; charset=utf-8")],
            body: Array(text.utf8))
    }

    private func session(_ body: [UInt8]) -> Answer {
        guard let token = FormText.values(of: body)?["token"], rules.options.token.matches(token)
        else { return .of(.noToken) }
        return Answer(
            status: 204,
            fields: [
                (
                    "Set-Cookie",
                    "\(rules.cookie)=\(token); Path=/; HttpOnly; SameSite=Strict"
                )
            ])
    }

    /// The answer to an action.
    static func answer(_ result: Result<ActionResult, ActionRefusal>) -> Answer {
        var writer = JSONWriter()
        switch result {
        case .success(let result):
            writer.object { writer in
                writer.member("text", result.text)
                writer.member("command", result.command)
            }
            return .json(writer.bytes)
        case .failure(let refusal):
            writer.object { $0.member("error", refusal.message) }
            // Not a status of its own: browsers would write it on the console.
            return .json(writer.bytes)
        }
    }
}
