internal import CGlibc
internal import Glibc
internal import JobStore

/// Appends records to the output's files, and has them on disk before anyone is told. Runs on a
/// thread of its own, since disks make their callers wait.
actor OutputWriter {
    nonisolated private let thread = BlockingThread()
    nonisolated var unownedExecutor: UnownedSerialExecutor {
        thread.asUnownedSerialExecutor()
    }

    nonisolated let folder: OutputFolder
    private let format: any OutputFormat
    private let settings: OutputSettings
    private let rendering: RenderingOptions
    private let budget: MemoryBudget
    /// Renders the records that are too large for a loop.
    private let renderer: any RecordRenderer
    private let encoder: any FileEncoder
    private var bodies: BodyFolders
    private lazy var digest = Digest(.sha256)
    /// The file that is written to, in the state that will be recorded.
    private var file: OutputFile
    /// Appends to `file`; `nil` when the file is yet to be made, which is when the first record
    /// comes. A file that exists in its place is never opened.
    private var appender: FileAppender?
    private var sealer: FileSealer

    /// - Parameter file: The file to write to. The queue knows it by the time of the first record,
    ///   so that no kill can leave a file that the queue does not know.
    init(
        _ folder: OutputFolder, _ file: OutputFile, _ format: any OutputFormat,
        _ settings: OutputSettings, _ rendering: RenderingOptions, budget: MemoryBudget
    ) throws(SinkError) {
        if let number = thread.startFailure {
            throw folder.failure("this system gives no thread for the output", Errno(number))
        }
        self.folder = folder
        self.file = file
        self.format = format
        self.settings = settings
        self.rendering = rendering
        self.budget = budget
        renderer = format.makeRenderer(rendering)
        encoder = format.makeEncoder(rendering)
        bodies = BodyFolders(in: folder)
        sealer = FileSealer(in: folder)
    }

    deinit { thread.stop() }

    /// Seals files that earlier runs left open.
    ///
    /// - Returns: All of `files`, as they are to be recorded before `committed`.
    func seal(
        _ files: [OutputFile], of formats: OutputFormats
    ) throws(SinkError) -> [OutputFile] {
        var sealed: [OutputFile] = []
        for file in files {
            guard file.isSealed, let format = formats.named(file.format) else {
                sealed.append(file)
                continue
            }
            let encoder = format.makeEncoder(rendering)
            sealed.append(try sealer.seal(file, format.sealing, by: encoder))
        }
        return sealed
    }

    /// Goes on with the file to write to, which exists. Bytes that were never marked are cut off.
    func resume() throws(SinkError) {
        appender = FileAppender(owning: try folder.open(file), file, in: folder)
    }

    /// Writes deposits.
    ///
    /// - Returns: The files that changed, as they are on disk when this returns. They are to be
    ///   recorded in the transaction that marks the jobs. A full file is sealed, and the next one
    ///   is returned, too, though it is still empty.
    /// - Throws: `SinkError` when the disk fails, or the file or the folder was moved or removed.
    ///   Nothing may be written after that: the next run cuts the file to what was recorded.
    func write(_ deposits: [Deposit]) throws(SinkError) -> [OutputFile] {
        let records = deposits.reduce(0) { $0 + $1.records + $1.whole.count }
        var hasRemoved = false
        for deposit in deposits {
            for name in deposit.withoutBody where try bodies.remove(name) { hasRemoved = true }
        }
        guard records > 0 else {
            if hasRemoved { try syncBodies() }
            return []
        }
        let appender = try openFile()
        if file.bytes == 0 { try encoder.begin(file.name, append: appender.append) }
        for deposit in deposits {
            try add(deposit, to: appender)
            budget.giveBack(deposit.memory)
        }
        try encoder.endCommit(append: appender.append)
        try appender.flush()
        (file.bytes, file.crc32) = (appender.bytes, appender.crc32)
        file.records += records
        if format.bodies == .inFiles { try syncBodies() }
        try appender.sync()
        return try next()
    }

    /// Seals the file that is written to, unless it is empty, after the last `write`.
    ///
    /// - Returns: The file as it is to be recorded before `committed`; `nil` when it is empty.
    func sealLast() throws(SinkError) -> OutputFile? {
        file.bytes > 0 ? try sealFile() : nil
    }

    /// Removes the file that is written to, which is empty.
    ///
    /// - Returns: The file as it is to be recorded: sealed.
    func removeLast() throws(SinkError) -> OutputFile {
        appender = nil
        try folder.remove(file.name)
        file.isSealed = true
        return file
    }

    /// Told that the queue has recorded the files that `write` or `seal` returned.
    func committed() throws(SinkError) { try sealer.settle() }

    // MARK: - Files

    private func openFile() throws(SinkError) -> FileAppender {
        if let appender { return appender }
        let made = FileAppender(owning: try folder.create(file.name), file, in: folder)
        appender = made
        return made
    }

    /// Brings all files of bodies to the disk at once, with their folders.
    private func syncBodies() throws(SinkError) {
        try syncFiles()
        // A file takes another's place once it is whole on the disk.
        if try bodies.settle() { try syncFiles() }
    }

    private func syncFiles() throws(SinkError) {
        guard sync_file_system(folder.descriptor) == 0 else {
            throw folder.failure("bodies cannot be brought to the disk", Errno(errno))
        }
    }

    /// Returns the file as it is now. A full file is sealed, and the next one is returned after it.
    private func next() throws(SinkError) -> [OutputFile] {
        guard file.bytes >= settings.rotateBytes else { return [file] }
        return [try sealFile(), file]
    }

    /// Seals the file that is written to, and begins the next one.
    private func sealFile() throws(SinkError) -> OutputFile {
        appender = nil
        let sealed = try sealer.seal(file, format.sealing, by: encoder)
        file = OutputFile(
            id: sealed.id + 1,
            name: format.fileNames.name(of: sealed.id + 1, isFirst: false), format: format.name)
        return sealed
    }

    // MARK: - Records

    private func add(_ deposit: Deposit, to appender: FileAppender) throws(SinkError) {
        var start = 0
        for body in deposit.bodies {
            let bytes = deposit.bodyBytes[start..<start + body.count]
            start += body.count
            try bodies.create(body.name) { file throws(SinkError) in
                try bytes.withRawBytes { bytes throws(SinkError) in
                    try self.folder.write(bytes, to: file, at: 0)
                }
            }
        }
        let encode = { (records: UnsafeRawBufferPointer) throws(SinkError) in
            try self.encoder.add(records, append: appender.append)
        }
        try deposit.bytes.withRawBytes(encode)
        for record in deposit.whole {
            if format.bodies == .inFiles && record.isAnswered { try createBody(of: record) }
            var bytes: [UInt8] = []
            let makeRoom = { (bytes: inout [UInt8]) throws(SinkError) in
                try bytes.withRawBytes(encode)
                bytes.removeAll(keepingCapacity: true)
            }
            try renderer.render(record, into: &bytes, makeRoom: makeRoom)
            try makeRoom(&bytes)
        }
    }

    private func createBody(of record: Record) throws(SinkError) {
        try bodies.create(record.bodyName(by: digest)) { file throws(SinkError) in
            var offset = 0
            try record.capture.body.forEachPiece(of: record) { piece throws(SinkError) in
                try self.folder.write(piece, to: file, at: offset)
                offset += piece.count
            }
        }
    }
}
