/// The choices for a handler whose work is done by processes.
public struct ProcessHandlerOptions: Sendable {
    /// The command, which `/bin/sh -c` runs once for each process.
    public var command: String
    /// The most processes at a time, 1 or more. They are started as they are needed.
    public var processes: Int
    /// The most responses that a process has at a time, 1 or more: so many that it never waits for the
    /// next one.
    public var window = 16
    /// The time that a response may take. The time that it waits in a process behind others, which
    /// that got before, does not count.
    public var answerTimeLimit: Duration = .seconds(60)
    /// The most bytes of a body that is part of its response's line; a larger one is a file.
    public var lineBodyBytesMax = 1 << 20
    /// The most bytes of an answer's line.
    public var answerBytesMax = 64 << 20
    /// The time that processes get to end by themselves at the end of a run.
    public var grace: Duration = .seconds(5)

    /// The pause after a second process in a row that ended without an answer.
    var pause: Duration = .milliseconds(100)

    public init(command: String, processes: Int = 1) {
        self.command = command
        self.processes = processes
    }
}
