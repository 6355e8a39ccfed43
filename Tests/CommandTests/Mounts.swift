import Foundation
import Testing

/// File systems of a test's own, which nobody else sees.
enum Mounts {
    /// For `unshare`, so that what it starts may mount: as root, or where the kernel lets anyone be
    /// root in a namespace of users.
    static let arguments = geteuid() == 0 ? ["-m"] : ["-r", "-m"]

    static let areAllowed: Bool = {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/unshare")
        process.arguments =
            arguments + ["sh", "-c", "mount -t tmpfs -o size=100k tmpfs /mnt 2>/dev/null"]
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }()

    /// Said of tests that are left out.
    static let need: Comment = "not tested: mounting a disk takes root, or namespaces of users"
}
