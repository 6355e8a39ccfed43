import JobStore
import Runner

/// A sink in one file: gives each record to a closure, and whatever that does must be durable when
/// it returns.
struct ClosureSink: Sink {
    let needs: ResponseNeeds
    let storage: CaptureStorage
    let keep: @Sendable (Record) throws(SinkError) -> Void

    func makeCollector() -> any Collector { WholeRecords() }

    func write(_ deposits: [Deposit]) throws(SinkError) -> [OutputFile] {
        for deposit in deposits {
            for record in deposit.whole { try keep(record) }
        }
        return []
    }
}

/// Leaves all records to the sink.
private final class WholeRecords: Collector {
    private var deposit = Deposit()
    private(set) var size = 0

    func collect(_ record: consuming Record) -> Capture? {
        size += record.capture.count
        deposit.whole.append(record)
        return nil
    }

    func take() -> Deposit {
        defer { (deposit, size) = (Deposit(), 0) }
        return deposit
    }
}
