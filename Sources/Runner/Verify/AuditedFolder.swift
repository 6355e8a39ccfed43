internal import JobStore

/// An output folder. Compares its files with what the queue has recorded of them.
struct AuditedFolder {
    private let path: String
    private let formats: OutputFormats
    /// The opened folder; `nil` when it cannot be read, for the reason in `damage`.
    private let folder: ReadOnlyFolder?
    private let damage: Damage?
    /// The names in the folder at the beginning that look like output files.
    private let names: [String]

    /// Lists the folder.
    init(path: String, _ formats: OutputFormats) {
        self.path = path
        self.formats = formats
        do throws(Damage) {
            let folder = try ReadOnlyFolder(path: path)
            names = try folder.names { formats.number(ofFile: $0) != nil }
            self.folder = folder
            damage = nil
        } catch {
            folder = nil
            names = []
            damage = error
        }
    }

    /// Reads the bytes of a file that count, and compares them with what was recorded.
    ///
    /// - Parameter known: The record of the file when it was read last, of which only the bytes
    ///   behind are read; `nil` to read from the beginning.
    func read(
        _ file: OutputFile, since known: OutputFile?, _ settings: OutputSettings?,
        _ jobs: inout JobCheck, _ report: inout AuditReport
    ) async throws(QueueError) {
        guard let folder else { return }
        let complaints = Complaints(about: file.name)
        let format = formats.named(file.format)
        if format == nil {
            report.blame(
                .format,
                "\(file.name) has the format '\(file.format)', which this runner does not know; its records were not read"
            )
        }
        if isName(of: file, in: format, complaints), let opened = open(file, in: folder, complaints)
        {
            if known == nil { report.files += 1 }
            let known = known ?? OutputFile(id: file.id, name: file.name, format: file.format)
            let bodies = StoredBodies(in: folder)
            let end = max(known.bytes, min(file.bytes, opened.bytes))
            let bytes = CountedBytes(opened, known.bytes..<end, crc32: known.crc32)
            var records: Int?
            if let format {
                let reader = format.makeReader(
                    FileToRead(
                        bytes: bytes, isFromBeginning: known.bytes == 0,
                        recordsBefore: known.records, keepsBodies: settings?.keepsBodies ?? true,
                        bodies: bodies, complaints: complaints))
                records = try await jobs.take(reader, of: file.name, complaints: complaints)
            }
            compare(file, with: bytes, records.map { known.records + $0 }, complaints)
            report.records += records ?? 0
            report.bytes += bytes.offset - known.bytes + bodies.bytes
        }
        report.blame(.file, complaints.list, more: "more faults of \(file.name)")
    }

    /// Checks the name of a file before the file is opened.
    ///
    /// - Parameter format: The format of the file; `nil` when it is unknown. Such a file is opened,
    ///   too, since its length and its checksum need no reader.
    private func isName(
        of file: OutputFile, in format: (any OutputFormat)?, _ complaints: Complaints
    ) -> Bool {
        let isName =
            format.map { $0.fileNames.number(of: file.name) != nil } ?? !file.name.contains("/")
        if !isName {
            complaints.add("is no name of an output file in the format \(file.format)")
        }
        return isName
    }

    /// - Returns: `nil` when there is nothing to read.
    private func open(
        _ file: OutputFile, in folder: ReadOnlyFolder, _ complaints: Complaints
    ) -> OpenFile? {
        do throws(Damage) {
            let opened = try folder.file(file.name)
            if opened.bytes < file.bytes {
                complaints.add("is \(opened.bytes) bytes long, \(file.bytes) were recorded")
            } else if opened.bytes > file.bytes, file.isSealed {
                complaints.add("was sealed at \(file.bytes) bytes and is \(opened.bytes) long")
            }
            return opened
        } catch {
            // A file is recorded before it is made: a kill in between leaves one that is missing.
            if file.bytes > 0 || error != .missing { complaints.add(error.description) }
            return nil
        }
    }

    private func compare(
        _ file: OutputFile, with bytes: CountedBytes, _ records: Int?, _ complaints: Complaints
    ) {
        do throws(Damage) {
            try bytes.readRest()
        } catch {
            return complaints.add(error.description)
        }
        guard bytes.offset == file.bytes else { return }  // told already
        if bytes.crc32 != file.crc32 {
            complaints.add("is not what was written: its checksum differs")
        }
        // A record that could not be read is told already, and a wrong number of records follows
        // from it.
        if let records, records != file.records, complaints.list.isEmpty {
            complaints.add("holds \(records) records of jobs, \(file.records) were recorded")
        }
    }

    /// Reports faults of the folder itself, and files in it that are not the queue's.
    func close(_ output: QueueOutput, isLive: Bool, _ report: inout AuditReport) {
        if let damage, output.files.contains(where: { $0.bytes > 0 }) {
            report.blame(.file, "the folder \(path) \(damage.description)")
        }
        let known = Set(output.files.map(\.name))
        let newest = output.files.compactMap { formats.number(ofFile: $0.name) }.max() ?? 0
        var strangers: [String] = []
        for name in names where !known.contains(name) {
            if isLive, formats.number(ofFile: name) ?? 0 > newest {
                report.note("\(name) is not recorded yet: a run is going on")
            } else {
                strangers.append("\(name) is in the folder, and the queue does not know it")
            }
        }
        report.blame(.stranger, strangers, more: "more files the queue does not know")
    }
}
