import JobStore
import Runner

// The libraries say what is wrong and, by a symbol, what helps. The words for that are here, since
// they are the command line's: its flags, its commands and the shell's.

extension QueueError {
    /// The error and its cure in one line.
    var sentence: String { joined(description, remedy?.text) }
}

extension SinkError {
    /// The error and its cure in one line.
    var sentence: String {
        // Not only the cure names an option.
        if case .keepBodies(let format, let others) = remedy {
            return joined(
                "bodies are left out (--no-body, now or in an earlier run), which goes with --format \(others.joined(separator: " and ")), not \(format)",
                remedy?.text)
        }
        return joined(description, remedy?.text)
    }
}

extension LimitError {
    /// The error and its cure in one line.
    var sentence: String { joined(description, remedy.text) }
}

extension RequestError {
    /// The error and its cure in one line.
    var sentence: String { joined(description, remedy?.text) }
}

extension AuditReport.Fault {
    /// The fault, and its cure if it has one of its own.
    var sentence: String { joined(description, remedy?.text) }
}

private func joined(_ description: String, _ cure: String?) -> String {
    cure.map { "\(description); \($0)" } ?? description
}

/// The cures that several kinds of errors share.
private enum Cure {
    static let upgrade = "upgrade runner"
    static let allowThreads = "raise the limit with: ulimit -u"
}

extension QueueError.Remedy {
    fileprivate var text: String {
        switch self {
        case .nameFile(let folder):
            "name a file with --queue, for example \(folder)/\(QueueOptions.standardFile)"
        case .nameRegularFile: "name another with --queue"
        case .nameAnotherFile: "name another file with --queue"
        case .nameBatchOtherwise: "give another with --name"
        case .makeQueue(let path):
            "make one with: runner enqueue --queue \(path) --range 0..1000"
        case .restoreCopy(let path):
            "restore a copy, or save what can be read with: sqlite3 \(path) .recover"
        case .allowThreads: Cure.allowThreads
        case .upgrade: Cure.upgrade
        case .useShards(let folder, let count, let queue):
            "run those, for example with --queue \(ShellWord.quoted("\(folder)/0/\(Shard.queueName)")); if some are not there since the split was killed, repeat: runner split --queue \(ShellWord.quoted(queue)) --into \(count) --dir \(ShellWord.quoted(folder))"
        case .queueShard(let shard):
            "queue a range in each shard, here with --shard \(shard.text), or name another file with --queue, or queue it once the shards are merged"
        case .nameAllShards: "name all of them"
        case .nameAnotherShardFolder: "name another folder with --dir"
        case .finishForgetting(let sites):
            "finish that first, with: runner forget-site \(sites.map { String($0) }.joined(separator: " ")) --yes"
        case .nameAnotherOutput: "name another folder with --output"
        }
    }
}

extension ImportError {
    /// The error and its cure in one line.
    var sentence: String { joined(description, remedy?.text) }
}

extension ImportError.Remedy {
    fileprivate var text: String {
        switch self {
        case .nameURLColumn: "give --url-column COLUMN, or --url 'https://example.com/{column}'"
        case .goOn: "once it is mended, go on with the same command (of a pipe, with --continue)"
        case .fetchOtherwise: "nothing was queued; try again later, or queue a file of it"
        case .allowInward: "nothing was queued; where that is meant, give --allow-private"
        }
    }
}

extension RequestError.Remedy {
    fileprivate var text: String {
        switch self {
        case .setVariable(let name):
            "set it for the run, for example: read -rs \(name); export \(name)"
        case .restoreFile: "put it back, or make it readable"
        }
    }
}

extension SinkError.Remedy {
    fileprivate var text: String {
        switch self {
        case .nameFolder: "name one with --output DIR"
        case .nameAnotherFolder: "name another with --output"
        case .waitOrNameAnotherFolder: "wait for it, or name another with --output"
        case .moveAwayOrNameAnotherFolder: "move it away, or name another folder with --output"
        case .putBackOrNameFolder: "put it back, or tell where it is now with --output"
        case .useFolder(let folder, let named):
            "give --output \(folder), or move its files to \(named) first, .runner included"
        case .keepBodies: "keep them with --body"
        case .upgrade: Cure.upgrade
        }
    }
}

extension LimitError.Remedy {
    fileprivate var text: String {
        switch self {
        case .useWorkers(let workers, let files):
            "use --workers \(workers), or \(Self.allowOpenFiles(files).text)"
        case .allowOpenFiles(let files): "raise the limit with: ulimit -n \(files)"
        case .allowThreads: Cure.allowThreads
        case .allowPorts:
            "widen them with: sysctl net.ipv4.ip_local_port_range=\"1024 65535\""
        }
    }
}
