internal import JobStore

/// The reason that a statement did not give rows.
struct PostgresError: Error {
    enum Kind: Equatable {
        /// There is no connection, and nothing was sent.
        case unconnected
        /// The connection broke, or no answer came in time, after something was sent: what
        /// became of it is not known.
        case lost
        /// The server refused the statement, of which nothing has happened; the five
        /// characters are the SQLSTATE.
        case refused(String)
    }

    let kind: Kind
    /// The error in one line, without the name of the queue.
    let message: String

    /// Whether the same may succeed in a moment: two transactions were in each other's way.
    var isCollision: Bool {
        switch kind {
        case .refused(let state): ["40001", "40P01", "55P03", "57014"].contains(state)
        case .unconnected, .lost: false
        }
    }

    /// Whether the connection is of no more use.
    var endsConnection: Bool {
        switch kind {
        case .unconnected, .lost: true
        case .refused(let state): Self.endings.contains { state.hasPrefix($0) }
        }
    }

    /// Beginnings of the states of a server that shuts down, or that is a standby.
    private static let endings = ["08", "57P", "25006"]

    /// The error for the user of a queue.
    ///
    /// - Parameter name: The queue's name, without a password.
    func queueError(at name: String) -> QueueError {
        switch kind {
        case .unconnected, .lost:
            return QueueError(.unreachable, "the queue \(name) cannot be reached: \(message)")
        case .refused(let state):
            return refusal(state, at: name)
        }
    }

    /// - SeeAlso: <https://www.postgresql.org/docs/15/errcodes-appendix.html>
    private func refusal(_ state: String, at name: String) -> QueueError {
        switch state {
        case _ where endsConnection || state.hasPrefix("53") && state != "53100":
            QueueError(.unreachable, "the queue \(name) cannot be reached: \(message)")
        case _ where isCollision:
            QueueError(
                .busy, "the queue \(name) is locked by others (\(message)); try again")
        case "53100":
            QueueError(.full, "the disk of the queue \(name) is full; make room there")
        case "42501":
            QueueError(
                .readOnly,
                "the queue \(name) refuses this role (\(message)); have its owner grant it the role runner_worker"
            )
        // No such table, schema or function.
        case "42P01", "3F000", "42883":
            QueueError(
                .missing, "there is no queue at \(name)", remedy: .makeQueue(path: name))
        case _ where state.hasPrefix("22") || state.hasPrefix("23"):
            QueueError(.damaged, "the queue \(name) is damaged: \(message); restore a copy")
        default: QueueError(.io, "the queue \(name) gave an error: \(message) (\(state))")
        }
    }
}
