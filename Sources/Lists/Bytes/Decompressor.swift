/// The decoding of one kind of compression.
protocol Decompressor: AnyObject {
    /// Whether the input may end here: between two streams, not within one.
    var mayEnd: Bool { get }

    /// Decodes bytes from the front of `input`, and removes them from it.
    ///
    /// - Parameter isLast: Whether nothing comes behind `input`.
    /// - Returns: The number of bytes written to `output`, 0 when `input` gives no more; and the
    ///   fault behind them, after which there is no further call.
    func decode(
        _ input: inout UnsafeRawBufferPointer, isLast: Bool,
        into output: UnsafeMutableRawBufferPointer
    ) -> (count: Int, fault: DecompressionFault?)
}

enum DecompressionFault: Error {
    /// The bytes are no stream of their kind.
    case damaged
    /// A stream has ended, and something else than a stream follows.
    case followed
    /// The stream needs more memory than is allowed.
    case tooLarge
    /// There is no memory left, or another version of the library than its header's.
    case unavailable
}
