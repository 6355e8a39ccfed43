/// The beginning of a body that a run reads for itself, beside those of its jobs. Used on one loop's
/// thread.
final class BoundedBody {
    let bytesMax: Int
    private(set) var bytes: [UInt8] = []

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// Takes a piece of the body, as far as there is room.
    ///
    /// - Returns: Whether there is room for more.
    func append(_ piece: UnsafeRawBufferPointer) -> Bool {
        bytes.append(raw: UnsafeRawBufferPointer(rebasing: piece.prefix(bytesMax - bytes.count)))
        return bytes.count < bytesMax
    }

    /// Forgets what came: another response follows.
    func reset() { bytes = [] }
}
