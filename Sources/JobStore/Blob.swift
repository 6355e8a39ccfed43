internal import CZlib

/// Packs and unpacks a segment's outcomes: one byte a job while they change, deflated once all are
/// final and not alike.
///
/// The convention is that of SQLite archives (<https://www.sqlite.org/sqlar.html>): a blob as long
/// as its contents is not deflated. So the `sqlite3` shell reads both kinds with
/// `sqlar_uncompress`.
package enum Blob {
    /// Returns `bytes`, deflated where the result is shorter.
    ///
    /// - Parameter level: The effort: 1 takes a quarter of the time of 6.
    package static func packed(_ bytes: [UInt8], level: Int32 = 6) -> [UInt8] {
        var packed = [UInt8](repeating: 0, count: Int(compressBound(UInt(bytes.count))))
        var count = UInt(packed.count)
        guard compress2(&packed, &count, bytes, UInt(bytes.count), level) == Z_OK,
            count < bytes.count
        else {
            return bytes
        }
        return Array(packed[..<Int(count)])
    }

    /// - Returns: The bytes of `blob`, inflated; `nil` when `blob` does not inflate to `count`
    ///   bytes.
    package static func unpacked(_ blob: [UInt8], count: Int) -> [UInt8]? {
        if blob.count == count { return blob }
        var bytes = [UInt8](repeating: 0, count: count)
        var length = UInt(count)
        guard uncompress(&bytes, &length, blob, UInt(blob.count)) == Z_OK, length == count else {
            return nil
        }
        return bytes
    }
}
