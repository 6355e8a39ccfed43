/// A place that lists come from and that is no file: a server, for example.
public protocol ByteOrigin: Sendable {
    /// The text by which errors name the list.
    var name: String { get }

    /// Begins to read the list, from its first byte.
    func open() throws(ListError) -> any ByteStream

    /// The marks by which the list may be known again; `nil` when there are none.
    func identity() throws(ListError) -> ListIdentity?
}

/// The bytes of a list as they come from its origin, compressed or not.
public protocol ByteStream: AnyObject {
    /// The number of bytes in all; `nil` when it cannot be known beforehand.
    var byteCount: Int? { get }
    /// The format that the origin tells; `nil` when it tells none.
    var format: ListFormat? { get }

    /// Reads some of the bytes that come next, and waits for them.
    ///
    /// - Parameter buffer: Not empty.
    /// - Returns: The number of bytes; 0 at the end, which is that of the whole list.
    /// - Throws: When the list does not come to its end.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(ListError) -> Int
}
