/// An event of handing sealed files over, for people.
public enum HandOverNews: Sendable {
    /// The command has written a line, on standard output or error.
    case said(file: String, line: String)
    case handed(file: String)
    /// The file is no longer in the folder, and so is not handed over.
    case gone(file: String)
    /// The command has failed, and is run again after the wait.
    case failed(file: String, reason: String, wait: Duration)
    /// So many files are left to the next run.
    case left(Int)
}
