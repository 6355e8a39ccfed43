internal import JobStore

/// A sealed file that may be handed over, and the place where it is.
struct SealedFile: Equatable, Sendable {
    let file: OutputFile
    /// The path of its folder.
    let folder: String
    /// The site whose file it is; `nil` for that of the run.
    var inheritedSite: Site?

    var path: String { folder == "/" ? "/\(file.name)" : "\(folder)/\(file.name)" }

    /// The name for people. Files of several folders may have the same name.
    var name: String { inheritedSite == nil ? file.name : path }
}

extension OutputFiles {
    /// The files of folders that runs of other queues have written to, where these are as they were.
    ///
    /// - Parameter queueFolder: The folder of the queue's file, links resolved.
    /// - Returns: The files, and a line on each folder that is not there: its files are left to a run
    ///   that finds it.
    static func inherited(
        _ sites: [InheritedFiles], queueFolder: String?
    ) -> (files: [SealedFile], notes: [String]) {
        var (files, notes): ([SealedFile], [String]) = ([], [])
        for site in sites {
            let path = site.settings.place(from: queueFolder)
            let folder = try? OutputFolder(path: path, makes: false)
            let identity = (try? folder?.identity()) ?? nil
            if let folder, let identity,
                [site.settings.identity, site.settings.identityBefore].contains(identity)
            {
                files += site.files.map {
                    SealedFile(file: $0, folder: folder.path, inheritedSite: site.site)
                }
            } else {
                let count = site.files.count
                notes.append(
                    "\(count) sealed output \(count == 1 ? "file is" : "files are") not handed over: the folder \(path) is not there, or not as it was left"
                )
            }
        }
        return (files, notes)
    }
}
