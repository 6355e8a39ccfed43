import Glibc
import JobStore
import Runner

/// An output folder of a queue as people are shown it; the JSON is a contract (docs/CLI.md).
struct ListedSite: Encodable {
    let site: Site
    let folder: String
    let format: String
    let files: Int
    let records: Int
    let bytes: Int
    /// The name of the file written to last; `nil` when there is none.
    let lastFile: String?
    /// The text that the folder holds to say whose it is.
    let identity: String

    /// The output folders of a queue by rising number.
    ///
    /// - Parameter queueFolder: The folder that the queue's file is in; `nil` where it is none.
    static func all(
        of ledger: any JobLedger, from queueFolder: String?
    ) async throws(QueueError) -> [ListedSite] {
        var sites: [ListedSite] = []
        for site in try await ledger.sites() {
            guard let output = PlacedOutput(try await ledger.output(of: site), from: queueFolder)
            else { continue }
            sites.append(
                ListedSite(
                    site: site, folder: output.folder, format: output.settings.format,
                    files: output.files.count,
                    records: output.files.reduce(0) { $0 + $1.records },
                    bytes: output.files.reduce(0) { $0 + $1.bytes },
                    lastFile: output.files.last { $0.bytes > 0 }?.name,
                    identity: output.settings.identity))
        }
        return sites.sorted { $0.site.id < $1.site.id }
    }

    /// Whether a text names this folder: by its number, or by its path.
    func goes(by name: String) -> Bool {
        if let id = Int(name) { return id == site.id }
        return Self.path(name) == Self.path(folder)
    }

    /// An absolute path, by its text alone as far as nothing is there.
    private static func path(_ name: String) -> String {
        let real = QueueOptions.real(name)
        if real.hasPrefix("/") { return trimmed(real) }
        guard let current = realpath(".", nil) else { return name }
        defer { free(current) }
        let rest = real.hasPrefix("./") ? String(real.dropFirst(2)) : real
        return trimmed(String(cString: current) + "/" + rest)
    }

    private static func trimmed(_ path: String) -> String {
        var path = path
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        return path
    }

    private enum CodingKeys: String, CodingKey {
        case site, folder, format, files, records, bytes
        case lastFile = "last_file"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(site.id, forKey: .site)
        try container.encode(folder, forKey: .folder)
        try container.encode(format, forKey: .format)
        try container.encode(files, forKey: .files)
        try container.encode(records, forKey: .records)
        try container.encode(bytes, forKey: .bytes)
        try container.encode(lastFile, forKey: .lastFile)  // null, not absent
    }

    var line: String {
        let last = lastFile.map { ", the last one \($0)" } ?? ""
        return Terminal.escaped(
            "output folder \(site.id), \(folder): \(Format.count(records)) records in \(Format.count(files)) \(files == 1 ? "file" : "files"), \(Format.bytes(bytes))\(last)"
        )
    }
}

/// The result of `forget-site` without a name.
struct SiteList: Encodable {
    let sites: [ListedSite]

    func text(of queue: String) -> String {
        sites.isEmpty
            ? "\(queue) has no output folder"
            : sites.map(\.line).joined(separator: "\n")
    }
}

/// The result of `forget-site`; the JSON is a contract (docs/CLI.md).
struct ForgetReport: Encodable {
    let sites: [ListedSite]
    /// The completed jobs whose records are in these folders alone.
    let jobs: Int
    /// Those of them that are not fetched again, since their batches were cancelled.
    let ofCancelled: Int
    /// Whether no other folder is left.
    let areAllCompleted: Bool
    let isDone: Bool

    private enum CodingKeys: String, CodingKey {
        case sites, jobs
        case ofCancelled = "of_cancelled"
        case isDone = "done"
    }

    func text(of queue: String) -> String {
        let count = "\(Format.count(jobs)) completed jobs of \(queue)"
        let others = sites.reduce(0) { $0 + $1.records } - jobs
        var lines = sites.map(\.line)
        if others > 0 {
            lines.append(
                "\(Format.count(others)) of the records are of failures, or of jobs that were put back before: nothing is to be fetched for them"
            )
        }
        if areAllCompleted, jobs > 0 {
            lines.append("no other folder is left: these are all that is completed")
        }
        if ofCancelled > 0 {
            lines.append(
                "\(Format.count(ofCancelled)) of the jobs are of cancelled batches: they become cancelled, and are not fetched again"
            )
        }
        let numbers = sites.map { String($0.site.id) }.joined(separator: ", ")
        lines.append(
            isDone
                ? "put back \(count), and forgot output folder \(numbers)\(jobs > ofCancelled ? "; run again to fetch them" : "")"
                : "\(count) have their records there alone; nothing was changed: --yes puts them back and forgets output folder \(numbers)"
        )
        return lines.joined(separator: "\n")
    }
}
