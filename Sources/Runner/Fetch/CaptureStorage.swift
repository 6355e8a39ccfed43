/// The memory and the temporary file that hold heads and bodies while a run needs them; the same for
/// all of a run.
public final class CaptureStorage: Sendable {
    /// The bytes of heads, bodies and records in memory if nothing else is asked for.
    public static let defaultMemoryBytes = 256 << 20

    let budget: MemoryBudget
    let spool: Spool
    /// The path of the folder that the temporary file is in, for errors.
    let folder: String

    init(budget: MemoryBudget, spool: Spool, folder: String) {
        self.budget = budget
        self.spool = spool
        self.folder = folder
    }
}
