internal import Glibc
internal import JobStore

/// Decides what a run does with the output it finds. Pure except for `openFolder` and `settle`,
/// which use the folder.
struct OutputPlan {
    private(set) var settings: OutputSettings
    let format: any OutputFormat
    private let formats: OutputFormats
    private(set) var notes: [String] = []
    private let found: QueueOutput
    /// The path of the folder that earlier runs wrote to.
    private let place: String?
    private let queueFolder: String?
    /// Files whose rows are new or changed.
    private(set) var changed: [OutputFile] = []
    /// The file that the run writes to.
    private(set) var current: OutputFile
    /// Whether `current` was found in the folder.
    private(set) var isCurrentThere = false

    init(
        _ options: OutputOptions, found: QueueOutput, at place: String?
    ) throws(SinkError) {
        let before = found.settings
        self.place = place
        queueFolder = options.queueFolder
        guard let named = options.folder ?? place else {
            throw SinkError(
                .usage, "this queue has no output folder yet", remedy: .nameFolder)
        }
        formats = options.formats
        format = try Self.format(for: options, before: before)
        settings = OutputSettings(
            folder: named, identity: Self.newIdentity(),
            format: format.name,
            rotateBytes: options.rotateBytes ?? before?.rotateBytes
                ?? OutputOptions.rotateBytesDefault,
            keepsBodies: options.keepsBodies ?? before?.keepsBodies ?? true,
            keepsFailures: options.keepsFailures ?? before?.keepsFailures ?? false)
        guard settings.keepsBodies || format.bodies == .inRecordsUnlessLeftOut else {
            throw Self.bodiesNeeded(by: format, formats)
        }
        for file in found.files { try Self.check(file, formats) }
        self.found = found
        let open = found.files.filter { !$0.isSealed }
        if let same = open.last, same.format == format.name {
            current = same
        } else {
            let id = (found.files.last?.id ?? 0) + 1
            let isFirst = !found.files.contains { [format] in $0.format == format.name }
            current = OutputFile(
                id: id, name: format.fileNames.name(of: id, isFirst: isFirst), format: format.name)
            changed.append(current)
            for var file in open {
                file.isSealed = true
                changed.insert(file, at: 0)
            }
            if let old = found.files.last, old.format != format.name {
                notes.append(
                    "the format changes from \(old.format) to \(format.name): new records go to \(current.name)"
                )
            }
        }
    }

    private static func newIdentity() -> String {
        var identity: [UInt8] = []
        for _ in 0..<16 { identity.append(hex: CollectionOfOne(UInt8.random(in: 0...255))) }
        return String(decoding: identity, as: UTF8.self)
    }

    /// The format asked for, or else the one of the last run, or else the default.
    private static func format(
        for options: OutputOptions, before: OutputSettings?
    ) throws(SinkError) -> any OutputFormat {
        let formats = options.formats
        if let name = options.format {
            guard let format = formats.named(name) else {
                let names = formats.names.joined(separator: ", ")
                throw SinkError(.usage, "there is no format '\(name)'; give one of: \(names)")
            }
            return format
        }
        guard let before else { return formats.all[0] }
        guard let format = formats.named(before.format) else { throw unknownFormat(before.format) }
        return format
    }

    /// Checks whether the queue can have written a file.
    private static func check(_ file: OutputFile, _ formats: OutputFormats) throws(SinkError) {
        guard let format = formats.named(file.format) else { throw unknownFormat(file.format) }
        guard format.fileNames.number(of: file.name) != nil else {
            throw SinkError(
                .io,
                "the queue is damaged: '\(file.name)' is no name of an output file; restore a copy of the queue"
            )
        }
    }

    private static func unknownFormat(_ name: String) -> SinkError {
        SinkError(
            .io,
            "this queue's output has the format '\(name)', which this runner does not know",
            remedy: .upgrade)
    }

    private static func bodiesNeeded(
        by format: any OutputFormat, _ formats: OutputFormats
    ) -> SinkError {
        let others = formats.all.filter { $0.bodies == .inRecordsUnlessLeftOut }.map(\.name)
        return SinkError(
            .usage,
            "bodies are left out, now or in an earlier run, which goes with the formats \(others.joined(separator: " and ")), not \(format.name)",
            remedy: .keepBodies(format: format.name, others: others))
    }

    /// Opens the folder. If it is missing, it is made, unless records were written already, which
    /// must then be elsewhere.
    func openFolder() throws(SinkError) -> OutputFolder {
        guard found.files.contains(where: { $0.bytes > 0 }), let before = place
        else { return try OutputFolder(path: settings.folder, makes: true) }
        guard access(settings.folder, F_OK) == 0 || errno != ENOENT else {
            throw settings.folder == before
                ? SinkError(
                    .io, "the output folder \(before) is gone", remedy: .putBackOrNameFolder)
                : SinkError(
                    .io,
                    "there is no folder \(settings.folder); the output of this queue is in \(before)"
                )
        }
        return try OutputFolder(path: settings.folder, makes: false)
    }

    /// Compares the folder with what the queue knows, and takes its real path. Once everything is
    /// found to be in order, drafts are put in the place of their files or removed, and bytes that
    /// a kill left in files that are sealed now are cut off.
    mutating func settle(in folder: OutputFolder) throws(SinkError) {
        try settleOwner(of: folder)
        settings.folder = OutputPlace.kept(folder.path, queueFolder: queueFolder)
        let known = Set(found.files.map(\.name))
        let hasBodies = found.files.contains { formats.named($0.format)?.bodies == .inFiles }
        let names = try folder.names(formats)
        for name in names.claimed where !known.contains(name) {
            if name != BodyName.top || !hasBodies { throw folder.unknown(name) }
        }
        for file in found.files {
            let isDrafted = file.isSealed && names.drafts.contains(file.draftName)
            let isThere = try folder.check(file, isDrafted: isDrafted)
            if file == current { isCurrentThere = isThere }
            guard !isThere, file.bytes > 0 else { continue }
            guard file.isSealed else {
                throw SinkError(
                    .io,
                    "\(file.name), with \(file.records) records, is gone from the output folder \(folder.path); put it back"
                )
            }
            notes.append(
                "\(file.name) is no longer in the output folder, with \(file.records) records")
        }
        for file in found.files where names.drafts.contains(file.draftName) {
            if file.isSealed {
                try folder.putDraft(inPlaceOf: file)
            } else {
                try folder.remove(file.draftName)
            }
        }
        for file in changed where file.isSealed {
            // The file is sealed now: bytes that a kill left behind those that count are cut off.
            if file.bytes == 0 {
                try folder.remove(file.name)
            } else {
                close(try folder.open(file))
            }
        }
    }

    /// Locks the folder, and checks that it is this queue's, wherever it was moved to, or nobody's.
    private mutating func settleOwner(of folder: OutputFolder) throws(SinkError) {
        try folder.lock()
        var owner = try folder.identity()
        // A run was killed after the queue had heard of the folder, and before the folder of the queue.
        if owner == nil, let drafted = try folder.draftedIdentity(),
            drafted == found.settings?.identity
        {
            try folder.claim()
            owner = drafted
        }
        settings.identityBefore = owner ?? ""
        guard let before = found.settings,
            owner == before.identity || owner == before.identityBefore
        else { return try settleStranger(folder, owner) }
        let was = OutputPlace.path(before.folder)
        if was != folder.path {
            notes.append("the output has moved from \(was) to \(folder.path)")
        }
    }

    /// Checks a folder that does not say that it is this queue's: it must be nobody's, and the
    /// queue must have written nothing yet.
    private func settleStranger(_ folder: OutputFolder, _ owner: String?) throws(SinkError) {
        guard owner == nil else { throw folder.othersFolder() }
        if let before = place, found.files.contains(where: { $0.bytes > 0 }) {
            throw before == folder.path
                ? SinkError(
                    .io,
                    "the output folder \(before) has lost its file .runner, or is not the one that was written to; put that back, or have this one taken as docs/OUTPUT.md says of copies"
                )
                : SinkError(
                    .io, "the output of this queue is in \(before)",
                    remedy: .useFolder(before, orMoveTo: folder.path))
        }
        // Nobody's, and nothing counts yet: what is there was not written by this queue.
        if let name = try folder.names(formats).claimed.first { throw folder.unknown(name) }
    }
}
