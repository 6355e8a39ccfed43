internal import CPostgres

/// The rows that a statement gave.
final class Rows {
    private let result: OpaquePointer
    /// The number of rows.
    let count: Int

    /// - Parameter result: A `PGresult`, which is freed with the rows.
    init(_ result: OpaquePointer) {
        self.result = result
        count = Int(PQntuples(result))
    }

    deinit { PQclear(result) }

    /// The number of rows that an UPDATE, INSERT or DELETE touched.
    var touched: Int { Int(String(cString: PQcmdTuples(result))) ?? 0 }

    /// The name of the statement that was carried out: `COMMIT`, say.
    var tag: String { String(cString: PQcmdStatus(result)) }

    func isNull(_ row: Int, _ column: Int) -> Bool {
        PQgetisnull(result, Int32(row), Int32(column)) == 1
    }

    /// The text of a column; empty where it is NULL.
    func text(_ row: Int, _ column: Int) -> String {
        String(decoding: characters(row, column), as: UTF8.self)
    }

    func textIfAny(_ row: Int, _ column: Int) -> String? {
        isNull(row, column) ? nil : text(row, column)
    }

    /// The integer of a column; 0 where it is NULL or none.
    func int(_ row: Int, _ column: Int) -> Int { intIfAny(row, column) ?? 0 }

    func intIfAny(_ row: Int, _ column: Int) -> Int? {
        isNull(row, column) ? nil : Int(text(row, column))
    }

    func real(_ row: Int, _ column: Int) -> Double? {
        isNull(row, column) ? nil : Double(text(row, column))
    }

    func bool(_ row: Int, _ column: Int) -> Bool { text(row, column) == "t" }

    /// The bytes of a `bytea`; `nil` where it is NULL.
    func bytes(_ row: Int, _ column: Int) -> [UInt8]? {
        isNull(row, column) ? nil : Hex.bytes(of: characters(row, column)) ?? []
    }

    private func characters(_ row: Int, _ column: Int) -> UnsafeBufferPointer<UInt8> {
        let length = Int(PQgetlength(result, Int32(row), Int32(column)))
        guard length > 0, let start = PQgetvalue(result, Int32(row), Int32(column)) else {
            return UnsafeBufferPointer(start: nil, count: 0)
        }
        return UnsafeRawBufferPointer(start: start, count: length).bindMemory(to: UInt8.self)
    }
}
