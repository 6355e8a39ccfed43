internal import JobStore
internal import Synchronization

/// The clock of a queue: its server's. Clocks of runners may differ; nothing compares them.
///
/// Statements read the clock by `sql`. What is decided between two statements goes by the last
/// reading and this machine's monotonic clock.
final class StoreClock: Sendable {
    /// A clock of a test in place of the server's, in Unix time in µs.
    private let fixed: (@Sendable () -> Int)?
    /// The server's time less the monotonic clock's, in µs.
    private let offsetMicros = Locked(0)

    init(fixed: (@Sendable () -> Int)?) { self.fixed = fixed }

    /// The time now in µs where it is not the server's to say.
    var fixedMicros: Int? { fixed?() }

    /// The time now in µs, as an expression of SQL.
    var sql: String {
        fixed.map { "\($0())::bigint" }
            ?? "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
    }

    /// The time at which a statement began: the same for all its rows, so that it may stand in a
    /// condition by which rows are looked for.
    var stableSQL: String {
        fixed.map { "\($0())::bigint" }
            ?? "(extract(epoch FROM statement_timestamp()) * 1000000)::bigint"
    }

    /// Takes in a time that a statement has just read.
    func note(_ serverMicros: Int) {
        offsetMicros.withLock { $0 = serverMicros - SystemClock.monotonicMicros() }
    }

    /// The time now in µs, as far as is known.
    var nowMicros: Int {
        fixed?() ?? SystemClock.monotonicMicros() + offsetMicros.withLock(\.self)
    }
}
