/// Turns rendered records into the bytes of files. A run has one, used on one thread.
///
/// A commit is a number of records that are appended and brought to the disk together. After a kill
/// a file ends at the end of a commit, and a new encoder goes on from there. So what stands between
/// the ends of two commits must be readable by itself.
public protocol FileEncoder: AnyObject {
    /// Appends bytes to the file. The bytes are copied or written before the call returns.
    typealias Append = (UnsafeRawBufferPointer) throws(SinkError) -> Void

    /// Begins a file, before its first record. By default nothing is appended.
    ///
    /// - Parameter name: The name of the file in its folder.
    func begin(_ name: String, append: Append) throws(SinkError)

    /// Adds bytes of records, which may begin and end within a record. By default the bytes are
    /// appended as they are.
    func add(_ records: UnsafeRawBufferPointer, append: Append) throws(SinkError)

    /// Ends a commit: all that was added is appended. By default nothing more is appended.
    func endCommit(append: Append) throws(SinkError)

    /// Seals a file as the format's `sealing` says, if that is not `.nothing`. Called between two
    /// commits, also for files that other runs wrote.
    ///
    /// The longer it takes, the longer no job is marked.
    ///
    /// - Parameter append: Appends to the file, if it gets a footer, or else to the bytes that take
    ///   the place of the file's.
    func seal(_ file: borrowing FileToSeal, append: Append) throws(SinkError)
}

extension FileEncoder {
    public func begin(_ name: String, append: Append) throws(SinkError) {}

    public func add(_ records: UnsafeRawBufferPointer, append: Append) throws(SinkError) {
        try append(records)
    }

    public func endCommit(append: Append) throws(SinkError) {}

    public func seal(_ file: borrowing FileToSeal, append: Append) throws(SinkError) {}
}

/// The encoder of formats whose files hold the rendered records as they are.
public final class PlainEncoder: FileEncoder {
    public init() {}
}
