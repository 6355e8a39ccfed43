import Runner

/// The figures of a run as the queue keeps them for `status` to read.
extension RunFigures {
    /// The most hosts and outcomes that are kept, so that the text takes some 5 KB at most.
    private static let keptHostsMax = 10
    private static let keptAttemptsMax = 20

    /// The figures as text; `nil` when they cannot be written.
    var kept: String? {
        var figures = self
        figures.attempts = Array(attempts.prefix(Self.keptAttemptsMax))
        figures.hosts = Array(hosts.prefix(Self.keptHostsMax))
        return try? JSON.text(ofProperties: figures)
    }

    /// Reads what `kept` gave; `nil` for any other text, such as that of another version.
    static func read(_ text: String) -> RunFigures? {
        guard let figures: RunFigures = try? JSON.value(in: text), figures.isSound else {
            return nil
        }
        return figures
    }
}
