internal import CGlibc
import Glibc
import JobStore

/// The process of a run, as another process finds it by its number.
enum RunProcess {
    /// A reason why a process is not asked to drain its run, in words for people.
    struct Refusal: Error, CustomStringConvertible {
        let description: String
    }

    /// Asks the process of a run to drain, as its first SIGTERM does. No other process gets the
    /// signal, not even one that has the number since.
    ///
    /// - Parameters:
    ///   - run: A run that is going on.
    ///   - lock: The file that each process with the run's queue has open.
    /// - Throws: `Refusal`.
    static func drain(_ run: QueueCounts.LiveRun, lock: String) throws(Refusal) {
        guard run.host == RunnerDescription.ownHost else {
            throw Refusal(description: "the run is on \(Layout.plain(run.host)): stop it there")
        }
        guard let number = Int32(exactly: run.pid), number > 1 else { throw gone(run) }
        // From here on the descriptor means the same process, or none.
        let process = open_process(number)
        guard process >= 0 else { throw gone(run) }
        defer { close(process) }
        guard let opened = paths(openBy: number) else {
            throw Refusal(description: "process \(number) is another user's: stop it as that one")
        }
        guard opened.contains(lock), startedBefore(run.startedAtMicros, number) else {
            throw gone(run)
        }
        guard signal_process(process, SIGTERM) == 0 else { throw gone(run) }
    }

    private static func gone(_ run: QueueCounts.LiveRun) -> Refusal {
        Refusal(description: "process \(run.pid) is not the run's, or cannot be reached from here")
    }

    /// The files that a process has open; `nil` where that may not be seen.
    private static func paths(openBy number: Int32) -> Set<String>? {
        let folder = "/proc/\(number)/fd"
        guard let listing = opendir(folder) else { return nil }
        defer { closedir(listing) }
        var paths: Set<String> = []
        while let entry = readdir(listing) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { name in
                // Holds: the name is text with a 0 behind it, of 256 bytes at most.
                name.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            var buffer = [CChar](repeating: 0, count: 4097)
            let count = readlink("\(folder)/\(name)", &buffer, buffer.count - 1)
            guard count > 0 else { continue }
            paths.insert(
                String(decoding: buffer[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self))
        }
        return paths
    }

    /// Whether a process was there when its run began.
    private static func startedBefore(_ runMicros: Int, _ number: Int32) -> Bool {
        // Behind the name, which may hold blanks, the start is the twentieth: proc_pid_stat(5).
        guard let text = contents(of: "/proc/\(number)/stat"), let end = text.lastIndex(of: ")"),
            let uptime = contents(of: "/proc/uptime").flatMap({ $0.split(separator: " ").first }),
            let up = Double(uptime)
        else { return false }
        let fields = text[end...].split(separator: " ")
        guard fields.count > 20, let ticks = Double(fields[20]) else { return false }
        let age = up - ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
        let started = Double(SystemClock.unixMicros()) / 1_000_000 - age
        // A clock may have been set a little, and is read by hundredths of a second.
        return started <= Double(runMicros) / 1_000_000 + 2
    }

    private static func contents(of path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = read(file, &buffer, buffer.count)
        return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
    }
}
