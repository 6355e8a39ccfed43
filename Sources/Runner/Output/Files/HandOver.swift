internal import Glibc
internal import JobStore
internal import Synchronization

/// Has a command run for each sealed file of an output, beside the run and one after another, again
/// and again until it ends well.
///
/// The queue is told after a command has ended well. So each sealed file is handed over at least
/// once: twice where a kill came between the two.
final class HandOver: Sendable {
    private let command: String
    private let lease: any RunnerLease
    private let patience: Patience
    private let stop: StopSwitch
    private let plan: Locked<HandOverPlan>
    private let bell = Doorbell()
    private let tell: @Sendable (HandOverNews) -> Void

    /// The time in µs between two looks at a command that runs.
    private static let lookMicros = 50_000
    /// The time in µs between two looks at whether the run was asked to stop.
    private static let restMicros = 500_000
    /// The time in µs that a command gets to end when it is asked to.
    private static let terminationMicros = 2_000_000

    /// - Parameter tell: Called with what is worth a word, from one task.
    init(
        _ command: String, for lease: any RunnerLease, _ options: CrawlOptions,
        stop: StopSwitch, tell: @escaping @Sendable (HandOverNews) -> Void
    ) {
        self.command = command
        self.lease = lease
        self.stop = stop
        self.tell = tell
        patience = Patience(limit: options.stallMax, stop: stop)
        plan = Locked(HandOverPlan(grace: options.grace, stallMax: options.stallMax))
    }

    /// The number of files that are yet to be handed over.
    var count: Int { plan.withLock(\.count) }

    /// Adds files, of which those that are sealed and not handed over count.
    func add(_ files: [SealedFile]) {
        plan.withLock { $0.add(files) }
        bell.ring()
    }

    /// Tells that no more files will come.
    func close(isFinished: Bool) {
        plan.withLock { $0.close(isFinished: isFinished, at: .read()) }
        bell.ring()
    }

    /// Hands files over until it is closed and all is done, or what is left has to wait for the next
    /// run. Cancelled, it ends at once.
    func run() async throws(QueueError) {
        var random = SystemRandomNumberGenerator()
        while !isCancelled {
            let now = Now.read()
            if stop.isRequested { plan.withLock { $0.stop(at: now) } }
            switch plan.withLock({ $0.next(at: now) }) {
            case .hand(let file):
                try await hand(file, &random)
            case .wait(let untilMicros):
                let rest = now.monotonicMicros + Self.restMicros
                await bell.wait(untilMicros: min(untilMicros ?? .max, rest))
            case .ended:
                return
            }
        }
    }

    private var isCancelled: Bool { Task.isCancelled || stop.isCancelRequested }

    private func hand(
        _ file: SealedFile, _ random: inout SystemRandomNumberGenerator
    ) async throws(QueueError) {
        guard access(file.path, F_OK) == 0 || errno != ENOENT else {
            // Sealed files may be moved away at any time.
            tell(.gone(file: file.name))
            return try await record(file)
        }
        let started: ShellCommand
        do throws(Errno) {
            started = try ShellCommand(command, file: file.path)
        } catch {
            return failed(file, "the command cannot be started (\(error))", &random)
        }
        switch await end(of: started, file) {
        case nil: return  // the next run's
        case .exit(0)?:
            tell(.handed(file: file.name))
            try await record(file)
        case .exit(let status)?:
            failed(file, "the command ended with \(status)", &random)
        case .signal(let number)?:
            failed(file, "the command was ended by signal \(number)", &random)
        }
    }

    private func failed(
        _ file: SealedFile, _ reason: String, _ random: inout SystemRandomNumberGenerator
    ) {
        let wait = plan.withLock { $0.failed(file, at: .read(), using: &random) }
        tell(.failed(file: file.name, reason: reason, wait: .microseconds(wait)))
    }

    /// Waits for the end of a command; `nil` when the time is over, and it was ended.
    private func end(of command: ShellCommand, _ file: SealedFile) async -> ShellCommand.End? {
        var killMicros: Int?
        while true {
            if let end = command.look({ tell(.said(file: file.name, line: $0)) }) {
                return killMicros == nil || end.isSuccess ? end : nil
            }
            let now = Now.read()
            if stop.isRequested { plan.withLock { $0.stop(at: now) } }
            if let killMicros {
                // It is killed with the object.
                if now.monotonicMicros >= killMicros { return nil }
            } else if isCancelled || plan.withLock({ $0.isOver(at: now) }) {
                command.terminate()
                killMicros = now.monotonicMicros + Self.terminationMicros
            }
            // Cancelled, a task does not sleep: it would look without a pause.
            await Self.pause()
        }
    }

    private static func pause() async {
        await withUnsafeContinuation { continuation in
            // Not a child task, which would be cancelled with this one.
            Task {
                try? await Task.sleep(for: .microseconds(lookMicros))
                continuation.resume()
            }
        }
    }

    private func record(_ file: SealedFile) async throws(QueueError) {
        try await patience.whileBusy { () async throws(QueueError) in
            if let site = file.inheritedSite {
                try await lease.handedOver(file.file.id, ofInherited: site)
            } else {
                try await lease.handedOver(file.file.id)
            }
        }
        plan.withLock { $0.succeeded(file, at: .read()) }
    }
}
