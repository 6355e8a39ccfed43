internal import JobStore

/// The records of jobs that ended on a loop, on their way to be written.
public struct Deposit: Sendable {
    /// Rendered records, one after another.
    public var bytes: [UInt8]
    /// The number of records in `bytes`.
    public var records: Int
    /// Records that were not rendered, with their captures: `Sink.write` sees to them.
    public var whole: [Record]
    /// The names and lengths of bodies that get a file each; their bytes are in `bodyBytes`, one
    /// after another.
    var bodies: [(name: BodyName, count: Int)] = []
    var bodyBytes: [UInt8] = []
    /// The names that bodies of jobs that failed have if the jobs are completed. An earlier attempt
    /// that nobody marked may have left such a body; a marked one cannot, as a completed job does
    /// not end again.
    var withoutBody: [BodyName] = []
    /// The bytes of the run's budget that the deposit takes.
    var memory = 0

    public init(bytes: [UInt8] = [], records: Int = 0, whole: [Record] = []) {
        self.bytes = bytes
        self.records = records
        self.whole = whole
    }

    /// About how many bytes the deposit takes on disk.
    public var size: Int {
        bytes.count + bodyBytes.count + whole.reduce(0) { $0 + $1.capture.count }
    }
}
