internal import JobStore

/// The column `fields` of the table `batch`, which lists have: an object with the names of the fields,
/// the index of the one with keys, the indices of those that records carry along and of those with
/// parts of a request, and whether all lines have one host.
extension PostgresQueue {
    /// An expression of SQL that makes the column of five parameters.
    ///
    /// - Parameter first: The number of the first parameter, of `fieldValues`.
    static func fieldsSQL(from first: Int) -> String {
        """
        CASE WHEN $\(first)::text[] IS NULL THEN NULL ELSE jsonb_build_object(
            'names', to_jsonb($\(first)::text[]), 'key', $\(first + 1)::int,
            'kept', to_jsonb($\(first + 2)::int[]), 'parts', to_jsonb($\(first + 3)::int[]),
            'one_host', $\(first + 4)::boolean) END
        """
    }

    static func fieldValues(of source: BatchSource) -> [Value] {
        guard case .list(let list) = source else { return [.null, .null, .null, .null, .null] }
        let fields = list.fields
        return [
            .texts(fields.names), Value(fields.key), .ints(fields.kept),
            .ints(fields.parts?.indices ?? []), .bool(list.hasOneHost),
        ]
    }

    /// Reads the column.
    ///
    /// - Throws: `.newer` when there is something in it that this version does not know.
    func fields(
        in json: String, of id: Batch.ID
    ) throws -> (fields: LineFields, hasOneHost: Bool) {
        let facts = try link.query(
            """
            SELECT j - ARRAY['names', 'key', 'kept', 'parts', 'one_host'] = '{}', j ->> 'key',
                j ->> 'kept', j ->> 'parts', j ->> 'one_host' = 'true'
            FROM (SELECT $1::jsonb) AS t (j)
            """, .text(json))
        guard facts.count == 1, facts.bool(0, 0) else { throw unknown(batch: id) }
        let rows = try link.query(
            """
            SELECT e FROM jsonb_array_elements_text($1::jsonb -> 'names') WITH ORDINALITY n(e, o)
            ORDER BY o
            """, .text(json))
        let names = (0..<rows.count).map { rows.text($0, 0) }
        func indices(_ column: Int) -> [Int] {
            facts.text(0, column).split { !$0.isNumber }.compactMap { Int($0) }
        }
        let (key, kept, parts) = (facts.intIfAny(0, 1), indices(2), indices(3))
        guard !names.isEmpty, parts.isEmpty || parts.count == 4,
            (kept + parts + (key.map { [$0] } ?? [])).allSatisfy(names.indices.contains)
        else { throw damaged("batch \(id) is missing or unreadable") }
        let fields = LineFields(
            names, key: key, kept: kept,
            parts: parts.isEmpty
                ? nil : .init(method: parts[0], headers: parts[1], body: parts[2], meta: parts[3]))
        return (fields, facts.bool(0, 4))
    }
}
