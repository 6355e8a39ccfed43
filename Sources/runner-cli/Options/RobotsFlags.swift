import ArgumentParser
import JobStore
import Runner

/// The options of robots.txt, and of what a run tells servers of itself.
struct RobotsFlags: ParsableArguments {
    @Flag(
        inversion: .prefixedNo,
        help:
            "Honour the robots.txt of all hosts, or of none (default: of public hosts, for lists of several)."
    )
    var robots: Bool?

    @Option(
        help: ArgumentHelp(
            "Where people reach you, in the header User-Agent.", valueName: "url or email"))
    var contact: String?

    func validate() throws {
        guard let contact else { return }
        let isPlain = contact.utf8.allSatisfy {
            $0 > 0x20 && $0 < 0x7F && !"()\\\"".utf8.contains($0)
        }
        guard isPlain, contact.contains("@") || contact.contains("://") else {
            throw ValidationError(
                "--contact is '\(contact)'; give a URL or an email address, for example https://example.com/bot or bot@example.com"
            )
        }
    }

    /// The header User-Agent of requests that name no other.
    var userAgent: String {
        "runner/\(RunnerCommand.version)" + (contact.map { " (+\($0))" } ?? "")
    }

    /// - Parameter userAgent: The header User-Agent of the run's own; `nil` for that of the program.
    func options(userAgent: String?) throws -> RobotsOptions {
        if contact != nil, userAgent != nil {
            throw ValidationError(
                "--contact goes with the User-Agent of runner; write it into that of --user-agent")
        }
        var options = RobotsOptions(userAgent: userAgent ?? self.userAgent)
        if let robots { options.scope = robots ? .all : .none }
        return options
    }

    /// Tells people whose robots.txt a run honours.
    func sentence(for store: any JobLedger, only batch: BatchSummary?) async throws -> String {
        switch robots {
        case true?: return "robots.txt of all hosts is honoured (--robots)"
        case false?: return "robots.txt is not asked for (--no-robots)"
        case nil: break
        }
        return try await Self.hasSeveralHosts(store, only: batch)
            ? "robots.txt is honoured for lists of several hosts; --no-robots leaves it out"
            : "robots.txt is not asked for: batches of one host; --robots asks"
    }

    /// Whether some batch that has jobs left may have several hosts. In a queue of very many batches,
    /// the first thousands tell.
    private static func hasSeveralHosts(
        _ store: any JobLedger, only batch: BatchSummary?
    ) async throws -> Bool {
        if let batch { return batch.hasSeveralHosts }
        var next: Batch.ID? = 1
        for _ in 0..<4 {
            guard let id = next else { return false }
            let page = try await store.batches(from: id)
            if page.summaries.contains(where: { $0.counts.left > 0 && $0.hasSeveralHosts }) {
                return true
            }
            next = page.next
        }
        return next != nil
    }
}

extension BatchSummary {
    fileprivate var hasSeveralHosts: Bool {
        switch batch.source {
        case .range(_, let request): !request.hasOneHost
        case .list(let list): !list.hasOneHost
        }
    }
}
