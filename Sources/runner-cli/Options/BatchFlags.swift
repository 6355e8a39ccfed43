import ArgumentParser
import JobStore

/// The options that tell a new batch from others.
struct BatchFlags: ParsableArguments {
    @Option(help: "Call the batch by this name, which no other may have.")
    var name: String?

    @Option(
        name: .customLong("if-absent"),
        help: ArgumentHelp(
            "The same, but queue nothing when a batch has the name.", valueName: "name"))
    var ifAbsent: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Batches of a higher priority are fetched first, -1000 to 1000.", valueName: "number"))
    var priority = 0

    @Flag(
        name: .customLong("continue"),
        help:
            "Go on with a list behind what --streaming took of it; --name tells which, by ID or name."
    )
    var continues = false

    func validate() throws {
        guard name == nil || ifAbsent == nil else {
            throw ValidationError("--name and --if-absent both name the batch; give one of them")
        }
        for (option, name) in [("--name", name), ("--if-absent", ifAbsent)] {
            guard let name, !BatchLabel.isName(name) else { continue }
            // Of a batch that is there, an ID will do.
            if continues, option == "--name", !name.isEmpty { continue }
            guard !name.isEmpty else { throw ValidationError("\(option) is empty; give a name") }
            throw ValidationError(
                "\(option) '\(Terminal.escaped(String(name.prefix(80))))' is no name; give one of up to \(BatchLabel.nameBytesMax) bytes, without control characters, and not of digits alone, which are an ID"
            )
        }
        guard BatchLabel.priorities.contains(priority) else {
            throw ValidationError(
                "--priority is \(priority); give a number from \(BatchLabel.priorities.lowerBound) to \(BatchLabel.priorities.upperBound)"
            )
        }
    }

    /// The key by which the batch is queued once; `nil` where the name does not ask for that.
    var key: String? { ifAbsent.map { "name:" + $0 } }

    /// Returns the label of the batch.
    ///
    /// - Parameters:
    ///   - key: A key of the list, where the name asks for none.
    ///   - base: The batch by whose validators the jobs are asked for.
    func label(key: String? = nil, conditionalOn base: Batch.ID? = nil) -> BatchLabel {
        BatchLabel(
            key: self.key ?? key, name: name ?? ifAbsent, priority: priority, conditionalOn: base)
    }

    /// Returns the batch that has the name already, where that is as good as a new one; `nil` when
    /// there is none.
    ///
    /// - Parameter mayGrow: Whether a list that is not complete is as good, too: somebody else has
    ///   begun it just now.
    /// - Throws: `ValidationError` when another batch has the name that a new one is to have, or the
    ///   batch is a list that is not complete.
    func known(in queue: any JobQueue, mayGrow: Bool = false) async throws -> Batch? {
        guard let known = try await namesake(in: queue) else { return nil }
        guard ifAbsent != nil else {
            throw ValidationError(
                "the name '\(name ?? "")' belongs to batch \(known.id); give another with --name")
        }
        if mayGrow { return known }
        // Half a list is not what a script that says "unless it is there" waits for.
        guard try await !queue.unfinishedLists().contains(where: { $0.batch.id == known.id }) else {
            throw ValidationError(
                "batch \(known.id), which has the name, is not complete; go on with its list by --streaming --continue, or give another name"
            )
        }
        return known
    }

    /// Returns the batch that has the key or the name already.
    private func namesake(in queue: any JobQueue) async throws -> Batch? {
        if let key, let known = try await queue.batch(enqueuedAs: key) { return known }
        guard let wanted = name ?? ifAbsent else { return nil }
        return try await queue.batch(named: wanted)
    }
}
