internal import Foundation

/// A folder of a test's own, removed with what is in it when the test lets go of it.
public final class Folder: Sendable {
    public let path: String

    public init() {
        path = "/tmp/runner-test-\(UUID().uuidString)"
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: false)
        } catch {
            fatalError("no temporary folder: \(error)")
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    public func file(_ name: String) -> String { path + "/" + name }
}

/// Reads a whole file; empty when there is none.
public func contents(of path: String) -> [UInt8] {
    FileManager.default.contents(atPath: path).map { Array($0) } ?? []
}

public func write(_ bytes: [UInt8], to path: String) {
    precondition(
        FileManager.default.createFile(atPath: path, contents: Data(bytes)), "cannot write \(path)")
}
