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
    private let budget: MemoryBudget
    /// Renders the records that are too large for a loop.
    private let renderer: any RecordRenderer
    private let encoder: any FileEncoder
    private var bodies: BodyFolders
    /// The file that is written to, in the state that will be recorded.
    private var file: OutputFile
    /// The descriptor of `file`; -1 when the file is yet to be made, which is when the first record
    /// comes. A file that exists in its place is never opened.
    private var descriptor: Int32
    /// The bytes to be written next.
    private var pending: [UInt8] = []
    private static let pendingBytesMax = 256 << 10

    /// - Parameters:
    ///   - file: The file to write to. The queue knows it already, so that no kill can leave a file
    ///     that the queue does not know.
    ///   - opened: The file's descriptor if the file exists; closed by the writer in the end.
    init(
        _ folder: OutputFolder, _ file: OutputFile, opened: Int32?,
        _ format: any OutputFormat, _ settings: OutputSettings, _ rendering: RenderingOptions,
        budget: MemoryBudget
    ) throws(SinkError) {
        if let number = thread.startFailure {
            throw folder.failure("this system gives no thread for the output", Errno(number))
        }
        self.folder = folder
        self.file = file
        descriptor = opened ?? -1
        self.format = format
        self.settings = settings
        self.budget = budget
        renderer = format.makeRenderer(rendering)
        encoder = format.makeEncoder(rendering)
        bodies = BodyFolders(in: folder)
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
        thread.stop()
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
        if descriptor < 0 { descriptor = try folder.create(file.name) }
        if file.bytes == 0 { try encoder.begin(file.name, append: append) }
        for deposit in deposits {
            try add(deposit)
            budget.giveBack(deposit.memory)
        }
        try encoder.endCommit(append: append)
        try flush()
        file.records += records
        try sync()
        return next()
    }

    // MARK: - Files

    private func sync() throws(SinkError) {
        if format.bodies == .inFiles { try syncBodies() }
        // After a failure the kernel may count as clean what it never wrote: no second try.
        guard fdatasync(descriptor) == 0 else {
            throw folder.failure("\(file.name) cannot be brought to the disk", Errno(errno))
        }
        guard folder.isInPlace(descriptor, file.name) else {
            throw SinkError(
                .io,
                "\(file.name) or the output folder \(folder.path) was moved or removed while in use; put it back and run again"
            )
        }
    }

    /// Brings all files of bodies to the disk at once, with their folders.
    private func syncBodies() throws(SinkError) {
        guard sync_file_system(folder.descriptor) == 0 else {
            throw folder.failure("bodies cannot be brought to the disk", Errno(errno))
        }
    }

    /// Returns the file as it is now. A full file is sealed, and the next one is returned after it.
    private func next() -> [OutputFile] {
        guard file.bytes >= settings.rotateBytes else { return [file] }
        file.isSealed = true
        let sealed = file
        close(descriptor)
        descriptor = -1
        file = OutputFile(
            id: sealed.id + 1,
            name: format.fileNames.name(of: sealed.id + 1, isFirst: false), format: format.name)
        return [sealed, file]
    }

    // MARK: - Bytes

    private func add(_ deposit: Deposit) throws(SinkError) {
        var start = 0
        for body in deposit.bodies {
            let bytes = deposit.bodyBytes[start..<start + body.count]
            start += body.count
            try bodies.create(body.name) { file throws(SinkError) in
                try bytes.withRawBytes { bytes throws(SinkError) in
                    try self.write(bytes, to: file, at: 0)
                }
            }
        }
        try deposit.bytes.withRawBytes { bytes throws(SinkError) in
            try self.encode(bytes)
        }
        for record in deposit.whole {
            if format.bodies == .inFiles && record.isCompleted { try createBody(of: record) }
            var bytes: [UInt8] = []
            let makeRoom = { (bytes: inout [UInt8]) throws(SinkError) in
                try bytes.withRawBytes { part throws(SinkError) in try self.encode(part) }
                bytes.removeAll(keepingCapacity: true)
            }
            try renderer.render(record, into: &bytes, makeRoom: makeRoom)
            try makeRoom(&bytes)
        }
    }

    private func createBody(of record: Record) throws(SinkError) {
        try bodies.create(record.bodyName) { file throws(SinkError) in
            var offset = 0
            try record.capture.body.forEachPiece(of: record) { piece throws(SinkError) in
                try self.write(piece, to: file, at: offset)
                offset += piece.count
            }
        }
    }

    private func encode(_ records: UnsafeRawBufferPointer) throws(SinkError) {
        try encoder.add(records, append: append)
    }

    private func append(_ bytes: UnsafeRawBufferPointer) throws(SinkError) {
        if bytes.count >= Self.pendingBytesMax {
            try flush()
            return try put(bytes)
        } else {
            pending.append(raw: bytes)
        }
        if pending.count >= Self.pendingBytesMax { try flush() }
    }

    private func flush() throws(SinkError) {
        guard !pending.isEmpty else { return }
        try pending.withRawBytes { bytes throws(SinkError) in try self.put(bytes) }
        pending.removeAll(keepingCapacity: pending.capacity <= 2 * Self.pendingBytesMax)
    }

    private func put(_ bytes: UnsafeRawBufferPointer) throws(SinkError) {
        try write(bytes, to: descriptor, at: file.bytes)
        var checksum = CRC32(file.crc32)
        checksum.add(bytes)
        file.crc32 = checksum.value
        file.bytes += bytes.count
    }

    private func write(
        _ bytes: UnsafeRawBufferPointer, to file: Int32, at offset: Int
    ) throws(SinkError) {
        var done = 0
        while done < bytes.count {
            let count = pwrite(
                file, bytes.baseAddress! + done, bytes.count - done, off_t(offset + done))
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                throw folder.failure("writing failed", Errno(count < 0 ? errno : ENOSPC))
            }
            done += count
        }
    }
}
