import Glibc
import JobStore
import Runner
import Synchronization

/// The keys of the terminal that the program was started from, while it is in the foreground there.
///
/// Keys come one by one and are not shown; Ctrl-C, Ctrl-Z and the like do as ever. The terminal gets
/// its settings back when the program ends, is stopped, or fails; only a kill -9 leaves them.
enum Keyboard {
    private struct State {
        /// The settings of the terminal before; `nil` while they are as they were.
        var before: termios?
        var handler: (@Sendable ([UInt8]) -> Void)?
        /// Called when the program has come to the foreground, or has left it.
        var moved: (@Sendable () -> Void)?
        var wasInForeground = true
        /// Whether the program is about to be stopped: until it is, the terminal stays as it was.
        var isSuspended = false
    }

    private static let state = Locked(State())
    /// The time between two looks whether the program is in the foreground.
    private static let pauseMillis: Int32 = 250

    /// Whether the program is in the foreground of a terminal, or that is not known of it.
    static func isInForeground(_ descriptor: Int32) -> Bool {
        let group = tcgetpgrp(descriptor)
        return group < 0 || group == getpgrp()
    }

    /// Whether there are keys to read.
    static var isThere: Bool {
        Terminal.isInteractive(STDIN_FILENO) && tcgetpgrp(STDIN_FILENO) == getpgrp()
    }

    /// Begins to read keys, until `end`. Where standard input is no terminal, nothing happens.
    ///
    /// - Parameters:
    ///   - handler: Called on a thread of its own with what a key or several have sent.
    ///   - moved: Called there, too, when the program has come to the foreground or has left it.
    static func begin(
        _ handler: @escaping @Sendable ([UInt8]) -> Void, moved: @escaping @Sendable () -> Void
    ) {
        guard Terminal.isInteractive(STDIN_FILENO) else { return }
        // Or settings and lines of a program in the background would stop it.
        signal(SIGTTOU, SIG_IGN)
        signal(SIGTTIN, SIG_IGN)
        state.withLock { state in
            (state.handler, state.moved) = (handler, moved)
            state.wasInForeground = isThere
            take(&state)
        }
        // Without a thread there are no keys, and all else is as it would be.
        _ = try? SystemThread { read() }
    }

    /// Ends reading keys, and gives the terminal its settings back.
    static func end() {
        state.withLock { state in
            (state.handler, state.moved) = (nil, nil)
            giveBack(&state)
        }
    }

    /// Gives the terminal its settings back until `resume`: the program is about to be stopped.
    static func suspend() {
        state.withLock { state in
            state.isSuspended = true
            giveBack(&state)
        }
    }

    /// Takes the terminal again.
    static func resume() {
        state.withLock { state in
            state.isSuspended = false
            // The shell may have put back what there was before.
            guard var settings = state.before else { return take(&state) }
            if isThere { set(&settings) }
        }
    }

    private static func take(_ state: inout State) {
        var settings = termios()
        guard state.handler != nil, state.before == nil, !state.isSuspended, isThere,
            tcgetattr(STDIN_FILENO, &settings) == 0
        else { return }
        state.before = settings
        MachineLimits.restoresTerminal(to: &settings, byteCount: MemoryLayout<termios>.size)
        set(&settings)
    }

    /// Keys one by one, not shown.
    private static func set(_ settings: inout termios) {
        settings.c_lflag &= ~tcflag_t(ICANON | ECHO)
        tcsetattr(STDIN_FILENO, TCSANOW, &settings)
    }

    private static func giveBack(_ state: inout State) {
        guard var settings = state.before else { return }
        state.before = nil
        MachineLimits.restoresTerminal(to: nil)
        // In the background, they are the shell's.
        if isThere { tcsetattr(STDIN_FILENO, TCSANOW, &settings) }
    }

    /// Reads keys until `end` or the end of the input.
    private static func read() {
        var buffer = [UInt8](repeating: 0, count: 256)
        while state.withLock({ $0.handler != nil }) {
            let isThere = look()
            var input = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
            // In the background nothing is read, and there is nothing to wait for but time.
            guard poll(&input, isThere ? 1 : 0, pauseMillis) > 0 else { continue }
            let count = Glibc.read(STDIN_FILENO, &buffer, buffer.count)
            if count == 0 || (count < 0 && errno != EINTR && errno != EIO) { return }
            guard count > 0 else {
                poll(nil, 0, pauseMillis)
                continue
            }
            state.withLock { $0.handler }?(Array(buffer[..<count]))
        }
    }

    /// Looks whether the program has come to the foreground, or has left it.
    private static func look() -> Bool {
        let (isThere, moved) = state.withLock { state in
            let isThere = Self.isThere
            if isThere { take(&state) }
            defer { state.wasInForeground = isThere }
            return (isThere, isThere == state.wasInForeground ? nil : state.moved)
        }
        moved?()
        return isThere
    }
}
