internal import PageFiles

/// The things that the server answers. Pure.
enum Route: Equatable {
    case live
    case ready
    case metrics
    /// The page of the only queue, or the list of queues.
    case start
    /// The page of a queue, by its place.
    case page(Int)
    /// A file that pages load.
    case part(String)
    /// The token of a link is traded for a cookie.
    case session
    /// The queues as JSON.
    case queues
    case events(Int)
    case history(Int, span: String)
    case failures(Int)
    case action(Int, String)

    /// - Parameter queues: The number of queues.
    /// - Returns: `nil` when there is nothing at the path.
    init?(_ request: WebRequest, queues: Int) {
        switch request.path {
        case "/healthz": self = .live
        case "/readyz": self = .ready
        case "/metrics": self = .metrics
        case "/": self = .start
        case "/session": self = .session
        case "/queues": self = .queues
        // Browsers ask for it by themselves.
        case "/favicon.ico": self = .part("icon.svg")
        default:
            var parts = request.path.split(separator: "/", omittingEmptySubsequences: false)
            guard parts.first == "" else { return nil }
            parts.removeFirst()
            if parts.count == 1, PageFile.parts[String(parts[0])] != nil {
                self = .part(String(parts[0]))
                return
            }
            var queue = 0
            if parts.count >= 3, parts[0] == "q" {
                guard let number = Int(parts[1]), (1...queues).contains(number),
                    String(number) == parts[1]
                else { return nil }
                queue = number - 1
                parts.removeFirst(2)
                if parts == [""] {
                    self = .page(queue)
                    return
                }
            } else if queues != 1 {
                return nil
            }
            switch (parts.first, parts.count) {
            case ("events", 1): self = .events(queue)
            case ("failures", 1): self = .failures(queue)
            case ("history", 2): self = .history(queue, span: String(parts[1]))
            case ("do", 2): self = .action(queue, String(parts[1]))
            default: return nil
            }
        }
    }

    var need: AccessRules.Need {
        switch self {
        case .live, .ready: .nothing
        case .metrics: .metrics
        case .start, .page, .part: .host
        case .session: .sameOrigin
        case .queues, .events, .history, .failures: .token
        case .action: .change
        }
    }

    var method: String {
        switch self {
        case .session, .action: "POST"
        default: "GET"
        }
    }
}

extension QueueAction {
    /// Reads an action.
    ///
    /// - Parameters:
    ///   - name: The last part of the path.
    ///   - values: What the form says.
    /// - Returns: `nil` when it is none.
    init?(_ name: String, _ values: [String: String]) {
        switch name {
        case "pause": self = .pause
        case "resume": self = .resume
        case "drain": self = .drain
        case "limit":
            let names = ["workers", "rate", "host-rate", "per-host", "delay"]
            guard !values.isEmpty, values.keys.allSatisfy(names.contains) else { return nil }
            self = .limit(values)
        case "retry":
            guard let outcomes = values["outcome"], values.count == 1 else { return nil }
            self = .retry(outcomes: outcomes)
        default: return nil
        }
    }
}
