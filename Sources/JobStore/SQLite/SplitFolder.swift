internal import Glibc

/// The folder in which a queue's shards are made: each in a draft, which is renamed to its place once
/// all are whole and the queue says that it was split.
struct SplitFolder {
    /// The absolute path.
    let path: String
    /// The name of the queue that is split, by which drafts are known.
    let whole: String
    let count: Int

    private var drafts: String { "\(path)/.split-\(whole)" }
    private func folder(_ number: Int) -> String { "\(path)/\(number)" }

    /// The path of a shard while it is made.
    func draft(_ number: Int) -> String { "\(drafts)/\(number).db" }
    /// The path of a shard.
    func queue(_ number: Int) -> String { "\(folder(number))/\(Shard.queueName)" }

    /// Makes a folder and those above it, if they are missing.
    ///
    /// - Returns: Its absolute path, links resolved.
    static func make(_ path: String) throws(QueueError) -> String {
        do throws(Errno) {
            var end = path.startIndex
            while end < path.endIndex {
                end = path[end...].dropFirst().firstIndex(of: "/") ?? path.endIndex
                let folder = String(path[..<end])
                // Else shards would be there, and after a power cut no way to them.
                if try makeFolder(folder) { try Errno.sync(folder + "/..", O_RDONLY | O_DIRECTORY) }
            }
            guard let real = realpath(path, nil) else { throw Errno(errno) }
            defer { free(real) }
            return String(cString: real)
        } catch {
            throw error.unmakable("the folder \(path)")
        }
    }

    /// - Returns: Whether the folder is new; its name is durable once the folder that it is in is
    ///   synced.
    @discardableResult
    private static func makeFolder(_ path: String) throws(Errno) -> Bool {
        if mkdir(path, 0o777) == 0 { return true }
        guard errno == EEXIST || access(path, F_OK) == 0 else { throw Errno(errno) }
        return false
    }

    /// - Throws: `.unfit` when a shard's place is taken.
    func checkIsFree() throws(QueueError) {
        for number in 0..<count {
            let queue = queue(number)
            for path in [queue, queue + "-wal"] where access(path, F_OK) == 0 {
                throw QueueError(
                    .unfit,
                    "\(path) is there already: the queue would be split over another one",
                    remedy: .nameAnotherShardFolder)
            }
        }
    }

    /// Makes the folder of the drafts.
    func makeDrafts() throws(QueueError) {
        do {
            try Self.makeFolder(drafts)
        } catch {
            throw error.unmakable("the folder \(drafts)")
        }
    }

    /// Makes the drafts durable by their names.
    func syncDrafts() throws(QueueError) {
        do {
            for folder in [drafts, path] { try Errno.sync(folder, O_RDONLY | O_DIRECTORY) }
        } catch {
            throw error.unmakable("the folder \(drafts)")
        }
    }

    /// Removes what a call that was killed, or failed, has left.
    func removeDrafts() {
        for number in 0..<count { QueueFile.remove(draft(number)) }
        rmdir(drafts)
    }

    /// Renames the drafts that are left to their places.
    ///
    /// - Returns: Whether there were any.
    func place() throws(QueueError) -> Bool {
        guard access(drafts, F_OK) == 0 else { return false }
        let left = (0..<count).filter { access(draft($0), F_OK) == 0 }
        do throws(Errno) {
            for number in left { try Self.makeFolder(folder(number)) }
            // Before a shard is in one of them.
            try Errno.sync(path, O_RDONLY | O_DIRECTORY)
        } catch {
            throw error.unmakable("a folder in \(path)")
        }
        for number in left {
            do throws(Errno) {
                try Errno.placeNew(draft(number), queue(number))
                try Errno.sync(folder(number), O_RDONLY | O_DIRECTORY)
            } catch {
                throw QueueError(
                    error.number == ENOSPC ? .full : .readOnly,
                    "the queue was split, but \(draft(number)) cannot be put at \(queue(number)): \(error); see to that, then split once more, which puts it there"
                )
            }
        }
        rmdir(drafts)
        do {
            try Errno.sync(path, O_RDONLY | O_DIRECTORY)
        } catch {
            throw error.unmakable("the folder \(path)")
        }
        return true
    }
}
