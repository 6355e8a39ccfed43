internal import JobStore

/// The output of the jobs that ended on a loop in one turn.
struct Deposit: Sendable {
    /// Records, ready to be appended to a file.
    var bytes: [UInt8] = []
    /// The number of records in `bytes`.
    var records = 0
    /// Records that are too large to be rendered on a loop.
    var large: [Record] = []
    /// The names and lengths of bodies that get a file each; their bytes are in `bodyBytes`, one
    /// after another.
    var bodies: [(name: BodyName, count: Int)] = []
    var bodyBytes: [UInt8] = []
    /// The names of the bodies of jobs that failed. An earlier attempt that nobody marked may have
    /// left such a body.
    var withoutBody: [BodyName] = []
    /// The bytes of the run's budget that the deposit takes.
    var memory = 0

    /// About how many bytes the deposit takes on disk.
    var size: Int {
        bytes.count + bodyBytes.count + large.reduce(0) { $0 + $1.capture.count }
    }
}
