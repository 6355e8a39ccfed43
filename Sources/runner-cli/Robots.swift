import ArgumentParser
import Runner

struct Robots: StatusCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what a host's robots.txt says, and whether a URL is allowed.",
        discussion: """
            Asks for it as a run does, and shows the rules that hold for runner (or for
            another name), the delay between requests that the host asks for, and its
            sitemaps. No queue is needed.

            EXAMPLES
              runner robots https://example.com/
              runner robots https://example.com/shop?page=2 --agent examplebot
              runner robots https://example.com/ --json | jq -r '.sitemaps[]'
            """)

    @Argument(help: "A URL of the host.")
    var url: String

    @Option(
        help: ArgumentHelp("The name to look for in robots.txt.", valueName: "name"))
    var agent = RobotsOptions().agent

    @OptionGroup(title: "Network") var network: ListTransportOptions

    @Flag(help: "Print the result as JSON.")
    var json = false

    func validate() throws {
        guard RobotsOptions(userAgent: agent).agent == agent else {
            throw ValidationError(
                "--agent is '\(agent)'; give a name of letters, digits, - and _, for example examplebot"
            )
        }
    }

    func execute() async throws -> ExitStatus {
        let answer = try RobotsLookup(try network.transport(), agent: agent).answer(about: url)
        let document = RobotsDocument(url: url, answer: answer)
        try Terminal.output(json ? try JSON.text(document) : document.text)
        return .done
    }
}

/// The result of `robots`; the JSON is a contract (docs/CLI.md).
struct RobotsDocument: Encodable {
    let url: String
    let answer: RobotsAnswer

    private enum CodingKeys: String, CodingKey {
        case agent, allowed, group, path, rule, rules, sitemaps, status
        case crawlDelaySeconds = "crawl_delay_s"
        case robotsURL = "robots_url"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(answer.agent, forKey: .agent)
        try container.encode(answer.isAllowed, forKey: .allowed)
        // null, not absent
        try container.encode(answer.crawlDelay?.seconds, forKey: .crawlDelaySeconds)
        try container.encode(answer.group.rawValue, forKey: .group)
        try container.encode(answer.path, forKey: .path)
        try container.encode(answer.robotsURL, forKey: .robotsURL)
        try container.encode(answer.rule, forKey: .rule)
        try container.encode(answer.rules, forKey: .rules)
        try container.encode(answer.sitemaps, forKey: .sitemaps)
        try container.encode(answer.status, forKey: .status)
    }

    var text: String {
        let problem = answer.problem.map { "; it \($0), so there are no rules" } ?? ""
        var lines = ["\(answer.robotsURL): \(answer.status)\(problem)"]
        switch answer.group {
        case .agent: lines.append("rules for \(answer.agent)")
        case .all: lines.append("rules for all (*), as none are for \(answer.agent)")
        case .none: lines.append("no rules for \(answer.agent)")
        }
        if answer.group != .none, answer.rules.isEmpty { lines.append("  nothing is disallowed") }
        lines += answer.rules.map { "  \($0)" }
        if let delay = answer.crawlDelay { lines.append("crawl delay\n  \(delay.seconds) s") }
        if !answer.sitemaps.isEmpty { lines.append("sitemaps") }
        lines += answer.sitemaps.map { "  \($0)" }
        if answer.path != "/robots.txt" {
            let rule = answer.rule.map { " by \($0)" } ?? ""
            lines.append("\(answer.path) is \(answer.isAllowed ? "allowed" : "disallowed")\(rule)")
        }
        // Line by line: a line that a server wrote is none of ours.
        return lines.flatMap { $0.split(separator: "\n") }.map { Terminal.escaped(String($0)) }
            .joined(separator: "\n")
    }
}
