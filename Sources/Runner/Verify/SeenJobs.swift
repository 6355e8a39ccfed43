internal import JobStore

/// Knows which jobs in one state have a record: exactly, and mostly in little memory.
///
/// Jobs are looked at in windows of 65,536 positions. A window is learnt from the queue when its first
/// record comes, and shrinks to a few bytes once each of its jobs has a record. Since records come
/// about in the order of jobs, few windows are open at a time. At worst all are, with two bits a
/// job: 25 MB for a hundred million jobs.
///
/// - Note: Pure: it says when a window must be learnt (`Sight.unknown`), and asks nobody.
struct SeenJobs {
    /// A window: the positions of a batch that share all but their last 16 bits.
    struct WindowID: Hashable, Comparable {
        let batchID: Batch.ID
        let number: Int

        init(batchID: Batch.ID, holding position: Int) {
            self.batchID = batchID
            number = position >> 16
        }

        /// The positions of the window. `Int.max` is in no window, as it is in no batch.
        var positions: Range<Int> {
            let first = number << 16
            return first..<(first > Int.max - JobBits.capacity ? Int.max : first + JobBits.capacity)
        }

        static func < (one: WindowID, other: WindowID) -> Bool {
            (one.batchID, one.number) < (other.batchID, other.number)
        }
    }

    /// The relation of a record to those before it.
    enum Sight {
        /// The record is the first of its job.
        case first
        /// The job has a record already.
        case again
        /// The job is not in the state.
        case wrong
        /// The window of the job must be learnt, then the record shown again.
        case unknown
    }

    /// The states of the jobs of a window, read after the length of the output was read.
    struct Contents {
        /// The jobs in the state, by their position less the window's first.
        var members = JobBits()
        /// Whether no job will ever come to the state or leave it.
        var isFinal = true
    }

    private struct Window {
        /// Jobs in the state without a record so far, learnt in the first pass.
        var due: JobBits?
        /// Jobs in the state without a record so far, learnt in a later pass. They may have a
        /// record, and need none within the length that was read.
        var late: JobBits?
        /// Jobs that are not in the state; `nil` when there are none.
        var others: JobBits?
        /// Whether `others` was dropped because no more records were to come.
        var isForgotten = false
        let isFinal: Bool
        /// The pass in which the window was learnt.
        let pass: Int

        /// Drops sets that are empty, and `others` once no more records are to come.
        mutating func shrink() {
            if due?.isEmpty == true { due = nil }
            if late?.isEmpty == true { late = nil }
            if due == nil, late == nil, isFinal, others != nil {
                others = nil
                isForgotten = true
            }
        }
    }

    private var windows: [WindowID: Window] = [:]
    /// The number of the pass, which rises each time a new length of the output is read: windows
    /// learnt before may be stale.
    private var pass = 0

    /// Begins a pass. The jobs of records from here on may have come to their state after their
    /// window was learnt.
    mutating func beginPass() { pass += 1 }

    func knows(_ window: WindowID) -> Bool { windows[window] != nil }

    /// Takes a record of a job.
    mutating func see(_ position: Int, of batchID: Batch.ID) -> Sight {
        let windowID = WindowID(batchID: batchID, holding: position)
        guard let index = windows.index(forKey: windowID) else { return .unknown }
        return Self.see(position & (JobBits.capacity - 1), in: &windows.values[index], pass: pass)
    }

    /// Takes a record of a job of `window`. Static, since a borrowed `self` would make each change
    /// of a window copy all windows.
    private static func see(_ offset: Int, in window: inout Window, pass: Int) -> Sight {
        if window.due?.remove(offset) == true || window.late?.remove(offset) == true {
            window.shrink()
            return .first
        }
        if window.isForgotten { return .unknown }
        if window.others?.contains(offset) == true {
            return window.isFinal || window.pass == pass ? .wrong : .unknown
        }
        return .again
    }

    /// Whether a record of a job was taken, as far as that is still known: of some windows it is not
    /// once each of their jobs in the state has its record.
    func hasSeen(_ position: Int, of batchID: Batch.ID) -> Bool {
        guard let window = windows[WindowID(batchID: batchID, holding: position)],
            !window.isForgotten
        else { return false }
        let offset = position & (JobBits.capacity - 1)
        return ![window.due, window.late, window.others].contains {
            $0?.contains(offset) ?? false
        }
    }

    /// Learns a window, or the jobs that came to the state since it was learnt.
    mutating func learn(_ id: WindowID, _ contents: Contents) {
        let known = windows[id]
        // What is known and not among the others was seen, or is awaited already.
        let new = known.map { $0.others?.intersection(contents.members) } ?? contents.members
        var window = Window(
            due: known?.due, late: known?.late,
            others: contents.members.count == JobBits.capacity ? nil : contents.members.inverted,
            isFinal: contents.isFinal, pass: pass)
        if pass == 0, known == nil {
            window.due = new
        } else if let new {
            window.late = window.late?.union(new) ?? new
        }
        if window.due?.isEmpty == true { window.due = nil }
        if window.late?.isEmpty == true { window.late = nil }
        windows[id] = window
    }

    /// The jobs that were in the state when they were learnt in the first pass, and have no record.
    ///
    /// - Parameter id: Gives the ID of a job by its batch and position.
    func missing(id: (Batch.ID, Int) -> Int) -> JobNames {
        var names = JobNames()
        for (key, window) in windows.sorted(by: { $0.key < $1.key }) {
            guard let due = window.due else { continue }
            let named = due.first(JobNames.namesMax)
            for offset in named {
                names.add(id(key.batchID, key.positions.lowerBound + offset), of: key.batchID)
            }
            names.addUnnamed(due.count - named.count)
        }
        return names
    }

    // MARK: - Jobs without a record

    /// The number of jobs that `missing` names.
    var missingCount: Int { windows.values.reduce(0) { $0 + ($1.due?.count ?? 0) } }

    /// The windows of the jobs that `missing` names, in order.
    var windowsOfMissing: [WindowID] {
        windows.filter { $0.value.due != nil }.keys.sorted()
    }

    /// The positions of the jobs of a window that `missing` names: rising runs.
    func missing(in window: WindowID) -> [Range<Int>] {
        let first = window.positions.lowerBound
        return windows[window]?.due?.runs.map { first + $0.lowerBound..<first + $0.upperBound }
            ?? []
    }
}
