/// The schema's history: what each version of a queue file adds to the one before.
///
/// A file, once released, is never edited: a change of the schema is a new file, named in
/// Package.swift, and one more line here. The embedded constant's name is the file's, so file
/// names start with a letter.
public enum Schema {
    /// SQL scripts by rising version; the script at index *i* leads from version *i* to *i* + 1.
    public static var scripts: [[UInt8]] {
        [
            PackageResources.v1_initial_sql, PackageResources.v2_output_sql,
            PackageResources.v3_totals_sql, PackageResources.v4_keys_sql,
            PackageResources.v5_lists_sql, PackageResources.v6_batches_sql,
            PackageResources.v7_cancel_sql, PackageResources.v8_unique_sql,
            PackageResources.v9_streaming_sql, PackageResources.v10_step_sql,
            PackageResources.v11_politeness_sql, PackageResources.v12_put_back_sql,
            PackageResources.v13_live_sql, PackageResources.v14_measures_sql,
            PackageResources.v15_handed_over_sql, PackageResources.v16_shards_sql,
            PackageResources.v17_found_sql, PackageResources.v18_validators_sql,
        ]
    }

    /// The SQL script that makes the tables of queues that are cut, where they are missing.
    public static var shardTables: [UInt8] { PackageResources.shard_tables_sql }

    /// The SQL script that makes what queues have of which a run has followed what responses lead to,
    /// where it is missing.
    public static var foundTables: [UInt8] { PackageResources.found_tables_sql }

    /// The SQL script that makes what queues have of which a run has kept validators, where it is
    /// missing.
    public static var validatorTables: [UInt8] { PackageResources.validator_tables_sql }
}
