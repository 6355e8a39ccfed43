internal import JobStore

/// An output folder. Compares its files with what the queue has recorded of them.
struct AuditedFolder {
    private let path: String
    private let formats: OutputFormats
    private let site: Site
    private let ledger: any JobLedger
    /// The reason why the folder cannot be read; `nil` when it can.
    private let damage: Damage?
    /// The text before the name of a file: its folder, where there are several.
    private let prefix: String
    /// The names in the folder at the beginning that look like output files.
    private let names: [String]

    /// Lists the folder.
    ///
    /// - Parameter isOnly: Whether there is no other, so that a file's name says enough.
    init(
        path: String, _ formats: OutputFormats, of site: Site, in ledger: any JobLedger,
        isOnly: Bool
    ) {
        self.path = path
        prefix = isOnly ? "" : path + "/"
        self.formats = formats
        self.site = site
        self.ledger = ledger
        do throws(Damage) {
            let folder = try ReadOnlyFolder(path: path)
            names = try folder.names { formats.number(ofFile: $0) != nil }
            damage = nil
        } catch {
            names = []
            damage = error
        }
    }

    /// Reads the bytes of a file that count, and compares them with what was recorded.
    ///
    /// - Parameter known: The record of the file when it was read last, of which only the bytes
    ///   behind are read; `nil` to read from the beginning.
    /// - Returns: The record of the file that was read: a newer one if the file was sealed
    ///   meanwhile, and got other bytes.
    func read(
        _ file: OutputFile, since known: OutputFile?, _ settings: OutputSettings?,
        _ jobs: inout JobCheck, _ report: inout AuditReport
    ) async throws(QueueError) -> OutputFile {
        guard damage == nil else { return file }
        let name = prefix + file.name
        let folder: ReadOnlyFolder
        do throws(Damage) {
            // Anew for each file: there may be thousands of folders.
            folder = try ReadOnlyFolder(path: path)
        } catch {
            report.blame(.file, "the folder \(path) \(error.description)")
            return file
        }
        let complaints = Complaints(about: name)
        defer { report.blame(.file, complaints.list, more: "more faults of \(name)") }
        let format = formats.named(file.format)
        if format == nil {
            report.blame(
                .format,
                "\(name) has the format '\(file.format)', which this runner does not know; its records were not read"
            )
        }
        guard isName(of: file, in: format, complaints) else { return file }
        let (file, opened) = try await open(file, in: folder, format, complaints)
        guard let opened else { return file }
        checkLength(of: opened, file, complaints)
        if known == nil { report.files += 1 }
        let part = part(of: file, format, since: known)
        let bodies = StoredBodies(in: folder)
        let end = max(part.start.bytes, min(file.bytes, opened.bytes))
        let bytes = CountedBytes(opened, part.start.bytes..<end, crc32: part.start.crc32)
        var records: Int?
        if let format {
            let reader = format.makeReader(
                FileToRead(
                    bytes: bytes, isFromBeginning: part.start.bytes == 0, isSealed: file.isSealed,
                    recordsBefore: part.start.records, keepsBodies: settings?.keepsBodies ?? true,
                    bodies: bodies, complaints: complaints))
            records = try await jobs.take(
                reader, skipping: part.seen, of: name, complaints: complaints)
        }
        compare(file, with: bytes, records.map { part.start.records + $0 }, complaints)
        report.records += (records ?? 0) - part.seen
        report.bytes += bytes.offset - part.start.bytes + bodies.bytes
        return file
    }

    /// The part of a file that is to be read.
    private struct Part {
        /// The record of the file up to where reading begins.
        let start: OutputFile
        /// The number of records in the part that were seen before.
        var seen = 0
    }

    private func part(
        of file: OutputFile, _ format: (any OutputFormat)?, since known: OutputFile?
    ) -> Part {
        let beginning = OutputFile(id: file.id, name: file.name, format: file.format)
        guard let known else { return Part(start: beginning) }
        guard format?.sealing == .rewrite, file.isSealed else { return Part(start: known) }
        // Other bytes, with the same records in the same order.
        return Part(start: beginning, seen: known.records)
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

    /// Opens a file.
    ///
    /// If the file gets other bytes when it is sealed, a run may seal it between two looks:
    /// - Where the queue still says afterwards that the file is not sealed, what was opened holds
    ///   the old bytes, since the new ones take their place later.
    /// - Where the queue says that it is, the new bytes are in the draft, or in the file.
    ///
    /// - Returns: The record of the file that was opened; `nil` instead of the file when there is
    ///   nothing to read.
    private func open(
        _ file: OutputFile, in folder: ReadOnlyFolder, _ format: (any OutputFormat)?,
        _ complaints: Complaints
    ) async throws(QueueError) -> (OutputFile, OpenFile?) {
        guard format?.sealing == .rewrite else { return (file, open(file, in: folder, complaints)) }
        var file = file
        if !file.isSealed {
            let opened = try? folder.file(file.name)
            let now = try await ledger.output(of: site).files.first { $0.id == file.id }
            guard let now, now.isSealed else {
                return (file, opened ?? open(file, in: folder, complaints))
            }
            file = now
        }
        if let draft = try? folder.file(file.draftName) { return (file, draft) }
        return (file, open(file, in: folder, complaints))
    }

    private func open(
        _ file: OutputFile, in folder: ReadOnlyFolder, _ complaints: Complaints
    ) -> OpenFile? {
        do throws(Damage) {
            return try folder.file(file.name)
        } catch {
            // A file is recorded before it is made: a kill in between leaves one that is missing.
            if file.bytes > 0 || error != .missing { complaints.add(error.description) }
            return nil
        }
    }

    private func checkLength(
        of opened: OpenFile, _ file: OutputFile, _ complaints: Complaints
    ) {
        if opened.bytes < file.bytes {
            complaints.add("is \(opened.bytes) bytes long, \(file.bytes) were recorded")
        } else if opened.bytes > file.bytes, file.isSealed {
            complaints.add("was sealed at \(file.bytes) bytes and is \(opened.bytes) long")
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
                report.note("\(prefix)\(name) is not recorded yet: a run is going on")
            } else {
                strangers.append(
                    "\(prefix)\(name) is in the folder, and the queue does not know it")
            }
        }
        report.blame(.stranger, strangers, more: "more files the queue does not know")
    }

    /// Notes bytes behind those that count, where no run goes on: whoever reads the folder takes them
    /// for records, though their jobs may have records elsewhere.
    func noteRest(behind output: QueueOutput, _ report: inout AuditReport) async throws(QueueError)
    {
        guard let folder = try? ReadOnlyFolder(path: path) else { return }  // told already
        let ends = output.files.filter { !$0.isSealed && !$0.name.contains("/") }.compactMap {
            file in
            (try? folder.file(file.name)).map { (file: file, rest: $0.bytes - file.bytes) }
        }.filter { $0.rest > 0 }
        guard !ends.isEmpty else { return }
        // A run may have come and gone since the queue was asked.
        let now = try await ledger.output(of: site).files
        for (file, rest) in ends where now.contains(file) {
            report.note(
                "\(prefix)\(file.name) ends with \(rest) bytes that do not count, since their jobs were never marked; the next run with this folder cuts them off"
            )
        }
    }
}
