internal import Glibc
public import JobStore

/// The place of an output's folder as a queue keeps it: the folder's absolute path, with the mark
/// `/./` where the queue's own folder ends, if the output's folder lies in that.
///
/// The mark changes nothing when the path is opened. It tells the way from the queue to its output,
/// so that the output is found again when both were moved together.
///
/// | output | queue's folder | kept |
/// |---|---|---|
/// | `/data/crawl/responses` | `/data/crawl` | `/data/crawl/./responses` |
/// | `/data/crawl` | `/data/crawl` | `/data/crawl/./` |
/// | `/mnt/responses` | `/data/crawl` | `/mnt/responses` |
enum OutputPlace {
    private static let mark = "/./"

    /// The place as a queue keeps it.
    ///
    /// - Parameters: Absolute paths, links resolved; `queueFolder` is `nil` when it is not known.
    static func kept(_ path: String, queueFolder: String?) -> String {
        guard let queueFolder else { return path }
        let base = queueFolder == "/" ? "" : queueFolder
        guard path != queueFolder else { return base + mark }
        guard path.hasPrefix(base + "/") else { return path }
        return base + mark + path.dropFirst(base.count + 1)
    }

    /// The path without the mark.
    static func path(_ kept: String) -> String {
        split(kept).map { joined($0.base, $0.tail) } ?? kept
    }

    fileprivate static func joined(_ folder: String, _ tail: String) -> String {
        let base = folder == "/" ? "" : folder
        return tail.isEmpty && base.isEmpty ? "/" : tail.isEmpty ? base : base + "/" + tail
    }

    /// The parts of a path on either side of the mark; `nil` when there is no mark.
    fileprivate static func split(_ kept: String) -> (base: String, tail: String)? {
        kept.firstRange(of: mark).map {
            (base: String(kept[..<$0.lowerBound]), tail: String(kept[$0.upperBound...]))
        }
    }
}

extension OutputSettings {
    /// The path of the output's folder now: beside the queue if it was moved or copied with the
    /// queue, else where it was.
    ///
    /// A folder in another place counts only if its file `.runner` says that it is this queue's;
    /// but if a path with the mark no longer exists, the path beside the queue is taken unchecked.
    ///
    /// - Parameter queueFolder: The queue's own folder, links resolved; `nil` when it has none.
    public func place(from queueFolder: String?) -> String {
        let path = OutputPlace.path(folder)
        guard let queueFolder else { return path }
        let isThere = access(path, F_OK) == 0
        if let (_, tail) = OutputPlace.split(folder) {
            let beside = OutputPlace.joined(queueFolder, tail)
            return isOurs(beside) || !isThere ? beside : path
        }
        guard !isThere else { return path }
        // Kept without the mark, by an earlier version or outside of the queue's folder: any end of
        // the path may be what led to it.
        let names = path.split(separator: "/")
        let ends = names.indices.reversed().map { names[$0...].joined(separator: "/") }
        return ends.lazy.map { OutputPlace.joined(queueFolder, $0) }.first(where: isOurs) ?? path
    }

    /// The place of the output's folder now, as a queue in another folder keeps it.
    ///
    /// - Parameters: The folders of the queue that has the output, and of the other one, links
    ///   resolved.
    public func place(from queueFolder: String, in other: String) -> String {
        OutputPlace.kept(place(from: queueFolder), queueFolder: other)
    }

    private func isOurs(_ path: String) -> Bool {
        guard let found = try? OutputFolder(path: path, makes: false),
            let owner = try? found.identity()
        else { return false }
        return owner == identity || owner == identityBefore
    }
}
