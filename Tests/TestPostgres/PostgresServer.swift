internal import CPostgres
internal import Foundation
internal import Synchronization
internal import TestSupport

/// A PostgreSQL server of the tests' own, in a temporary folder and with `fsync` on; or the one that
/// `RUNNER_TEST_POSTGRES` names, whose role may make databases.
///
/// The server, and a pooler in front of it, end with the test process, however that ends: a shell that
/// reads from it stops them then.
public final class PostgresServer: Sendable {
    /// The server of this process, started when it is first asked for.
    ///
    /// - Throws: `Missing` where PostgreSQL does not start.
    public static var shared: PostgresServer { get throws { try started.get() } }
    private static let started = Result { try PostgresServer() }

    /// PostgreSQL does not start.
    public struct Missing: Error, CustomStringConvertible {
        public let description = "PostgreSQL does not start; scripts/test installs it"
    }

    /// The URL of the server without a database, and what follows the database.
    private let base: (front: String, back: String)
    private let pooled: (front: String, back: String)?
    private let shell: Shell?
    private let databases = Mutex(0)
    /// Whether the server has a disk of its own, which may be filled.
    public let hasDisk: Bool

    /// Whether this is a server of the tests' own, which may be stopped.
    public var isOwn: Bool { shell != nil }

    /// - Parameter diskMegabytes: The size of a disk of the server's own, which takes root; `nil` for
    ///   none.
    public init(diskMegabytes: Int? = nil) throws {
        hasDisk = diskMegabytes != nil
        if diskMegabytes == nil,
            let url = ProcessInfo.processInfo.environment["RUNNER_TEST_POSTGRES"]
        {
            let query = url.firstIndex(of: "?") ?? url.endIndex
            let start = url[..<query].range(of: "://").map(\.upperBound) ?? url.startIndex
            let slash = url[start..<query].lastIndex(of: "/") ?? query
            base = (String(url[..<slash]), String(url[query...]))
            pooled = nil
            shell = nil
            return
        }
        let ports = [BoundSocket(), BoundSocket()]
        for port in ports { close(port.descriptor) }
        let shell = try Shell(
            script: Self.script(port: ports[0].port, poolPort: ports[1].port, hasDisk: hasDisk),
            diskMegabytes: diskMegabytes)
        guard shell.await("ready") else { throw Missing() }
        self.shell = shell
        base = ("postgres://runner@127.0.0.1:\(ports[0].port)", "")
        pooled = ("postgres://runner@127.0.0.1:\(ports[1].port)", "")
    }

    /// Makes a new, empty database.
    ///
    /// - Returns: Its URL, and that by way of the pooler.
    public func makeDatabase() -> (url: String, pooledURL: String?) {
        let number = databases.withLock { number in
            number += 1
            return number
        }
        let name = "runner_test_\(getpid())_\(number)"
        execute("CREATE DATABASE \(name)")
        func url(_ base: (front: String, back: String)) -> String {
            "\(base.front)/\(name)\(base.back)"
        }
        return (url(base), pooled.map(url))
    }

    /// Runs statements, each on its own, in a database.
    ///
    /// - Returns: The first column of the first row of the last one; `nil` where there is none.
    @discardableResult
    public func execute(_ statements: String..., at url: String? = nil) -> String? {
        let connection = connect(url)
        defer { PQfinish(connection) }
        var value: String?
        for statement in statements {
            let result = PQexec(connection, statement)
            defer { PQclear(result) }
            let status = PQresultStatus(result)
            precondition(
                status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK,
                "\(statement): \(String(cString: PQerrorMessage(connection)))")
            value = PQntuples(result) > 0 ? String(cString: PQgetvalue(result, 0, 0)) : nil
        }
        return value
    }

    /// Runs a statement on a server that may be in trouble.
    ///
    /// - Returns: The first column of its rows; empty where it failed.
    @discardableResult
    public func attempt(_ statement: String, at url: String? = nil) -> [String] {
        let connection = connect(url)
        defer { PQfinish(connection) }
        let result = PQexec(connection, statement)
        defer { PQclear(result) }
        return (0..<PQntuples(result)).map { String(cString: PQgetvalue(result, $0, 0)) }
    }

    private func connect(_ url: String?) -> OpaquePointer? {
        PQconnectdb(url ?? "\(base.front)/postgres\(base.back)")
    }

    // MARK: - Trouble

    /// Stops the server at once, as a crash does, and starts it again.
    public func crash() { tell("crash") }

    /// Fills the server's own disk to the last byte.
    public func fillDisk() { tell("fill") }

    /// Makes room on the server's own disk, and starts the server again where it has gone down.
    public func freeDisk() { tell("free") }

    private func tell(_ command: String) {
        shell?.send(command)
        precondition(shell?.await("ready") ?? true, "the server does not start again")
    }

    private static func script(port: Int, poolPort: Int, hasDisk: Bool) -> String {
        """
        set -u
        [ -d /usr/lib/postgresql ] || exit 1
        bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
        d=$(mktemp -d -p \(hasDisk ? Shell.disk : "/tmp") --suffix=-runner-test-postgres)
        cd "$d"
        "$bin/initdb" -D data -U runner -A trust -E UTF8 --locale=C --no-sync >initdb.log
        cat >pool.ini <<END
        [databases]
        * = host=127.0.0.1 port=\(port)
        [pgbouncer]
        listen_addr = 127.0.0.1
        listen_port = \(poolPort)
        unix_socket_dir =
        auth_type = any
        pool_mode = transaction
        default_pool_size = 4
        max_client_conn = 500
        server_idle_timeout = 5
        server_login_retry = 1
        END
        sed -i 's/auth_type = any/auth_type = trust\\nauth_file = users.txt/' pool.ini
        echo '"runner" ""' >users.txt
        launch() {
            "$bin/postgres" -D data -p \(port) -k "$d" -c listen_addresses=127.0.0.1 \\
                -c max_connections=300 -c autovacuum=on \\
                \(hasDisk ? "-c min_wal_size=32MB -c max_wal_size=96MB" : "") \\
                >>server.log 2>&1 </dev/null &
            server=$!
        }
        # A server that could not write may go down while it is waited for.
        await() {
            until "$bin/pg_isready" -q -h 127.0.0.1 -p \(port); do
                kill -0 $server 2>/dev/null || launch
                sleep 0.02
            done
        }
        pool=
        stop() {
            trap '' TERM
            kill $watch
            kill -QUIT $server; wait $server
            [ -z "$pool" ] || { kill -INT $pool; wait $pool; }
            rm -rf "$d"
            exit 0
        }
        trap stop TERM
        # The end of this input is not seen while programs that the tests have left hold it open.
        (while [ -d /proc/\(getpid()) ]; do sleep 1; done; kill -TERM $$) </dev/null >/dev/null &
        watch=$!
        launch
        await
        if command -v pgbouncer >/dev/null; then
            pgbouncer -q pool.ini >>pool.log 2>&1 </dev/null &
            pool=$!
        fi
        echo ready
        while read -r command; do
            case $command in
            crash) kill -QUIT $server; wait $server; launch; await ;;
            fill) for size in 1M 4k 1; do dd if=/dev/zero bs=$size 2>/dev/null; done >fill ;;
            free) rm fill; await ;;
            esac
            echo ready
        done
        stop
        """
    }
}

/// A shell that is spoken to by lines.
private final class Shell: Sendable {
    private let input = Pipe()
    private let output = Pipe()
    private let process = Process()

    /// The place where a disk of its own is mounted.
    static let disk = "/mnt"

    /// - Parameters:
    ///   - script: Runs as the user `postgres` where this process is root's, which the server does
    ///     not let be its own.
    ///   - diskMegabytes: The size of a disk that nobody else sees, at `disk`; `nil` for none.
    init(script: String, diskMegabytes: Int?) throws {
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", script]
        if getuid() == 0 {
            process.executableURL = URL(fileURLWithPath: "/usr/sbin/runuser")
            process.arguments = ["-u", "postgres", "--", "/bin/sh", "-c", script]
        }
        if let diskMegabytes {
            let command = [process.executableURL?.path ?? ""] + (process.arguments ?? [])
            process.executableURL = URL(fileURLWithPath: "/usr/bin/unshare")
            process.arguments =
                [
                    "-m", "sh", "-c",
                    """
                    mount -t tmpfs -o size=\(diskMegabytes)m,mode=1777 tmpfs \(Self.disk) &&
                        exec "$0" "$@"
                    """,
                ] + command
        }
        process.standardInput = input
        process.standardOutput = output
        // Not that of the tests, for whose end somebody may wait.
        process.standardError = FileHandle.nullDevice
        process.currentDirectoryURL = URL(fileURLWithPath: "/tmp")
        try process.run()
    }

    func send(_ line: String) { input.fileHandleForWriting.write(Data((line + "\n").utf8)) }

    /// Waits for a line.
    ///
    /// - Returns: Whether it came before the end.
    func await(_ line: String) -> Bool {
        var text = ""
        while !text.hasSuffix(line + "\n") {
            let bytes = output.fileHandleForReading.availableData
            if bytes.isEmpty { return false }
            text += String(decoding: bytes, as: UTF8.self)
        }
        return true
    }
}
