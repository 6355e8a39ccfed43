internal import Glibc
internal import JobStore

/// Seals files of an output, in steps that a kill may come between:
///
/// | step | after a kill before the next step |
/// |---|---|
/// | a footer, or a draft, is written and brought to the disk (`seal`) | the footer is cut off, or the draft is removed; the file is sealed again |
/// | the queue records length, checksum, and that the file is sealed | the draft takes the file's place |
/// | drafts take the place of their files (`settle`) | nothing is left to do |
struct FileSealer {
    private let folder: OutputFolder
    /// Sealed files whose drafts have yet to take their place.
    private var drafted: [OutputFile] = []

    init(in folder: OutputFolder) { self.folder = folder }

    /// Seals a file.
    ///
    /// - Parameters:
    ///   - file: The record of the file. The bytes that count are on the disk.
    ///   - encoder: The encoder of the file's format, between two commits.
    /// - Returns: The file as it is to be recorded.
    mutating func seal(
        _ file: OutputFile, _ sealing: Sealing, by encoder: any FileEncoder
    ) throws(SinkError) -> OutputFile {
        var sealed = file
        sealed.isSealed = true
        guard file.bytes > 0 else { return sealed }
        switch sealing {
        case .nothing: break
        case .footer:
            let descriptor = try folder.open(file)
            try write(by: encoder, sealing: file, to: descriptor, &sealed)
        case .rewrite:
            let draft = OutputFile(id: file.id, name: file.draftName, format: file.format)
            (sealed.bytes, sealed.crc32) = (0, 0)
            try write(by: encoder, sealing: file, to: folder.create(draft.name), &sealed, draft)
            drafted.append(sealed)
        }
        return sealed
    }

    /// Appends what seals a file to `descriptor`.
    ///
    /// - Parameters:
    ///   - sealed: The record of the sealed file, which gets its new length and checksum.
    ///   - draft: The draft that is written; `nil` when the file itself is.
    private func write(
        by encoder: any FileEncoder, sealing file: OutputFile, to descriptor: Int32,
        _ sealed: inout OutputFile, _ draft: OutputFile? = nil
    ) throws(SinkError) {
        let appender = FileAppender(owning: descriptor, draft ?? file, in: folder)
        try encoder.seal(
            FileToSeal(file, try folder.openToRead(file)), append: appender.append)
        try appender.flush()
        try appender.sync()
        (sealed.bytes, sealed.crc32) = (appender.bytes, appender.crc32)
    }

    /// Puts drafts in the place of their files, whose records say so.
    mutating func settle() throws(SinkError) {
        for file in drafted { try folder.putDraft(inPlaceOf: file) }
        drafted = []
    }
}
