internal import JobStore

/// The place of a body's file in the output folder. It is made of numbers only, so that nothing a
/// server says can name a path.
///
/// The body of a completed job is named by the job: it is completed once. A job may fail, be put
/// back and end again, and each record keeps its body; so the body of a failure is named by its
/// bytes, too. Whoever takes the same name later has the same bytes.
struct BodyName: Hashable, Sendable {
    /// The folder, within the output folder, that all bodies are in.
    static let top = "bodies"

    let batchID: Batch.ID
    let id: Int
    /// The first bytes of the SHA-256 of a failure's body; `nil` for the body of a completed job.
    let ofFailure: [UInt8]?

    /// So many that not even a server finds two bodies with the same.
    private static let digestBytes = 16

    /// - Parameter failureSHA256: The SHA-256 of the body of a job that failed; `nil` for a
    ///   completed one.
    init(batchID: Batch.ID, id: Int, failureSHA256: [UInt8]? = nil) {
        self.batchID = batchID
        self.id = id
        ofFailure = failureSHA256.map { Array($0.prefix(Self.digestBytes)) }
    }

    /// Appends the path of the file within the output folder: `bodies/1/12/345/12345678`.
    func appendPath(to bytes: inout [UInt8]) {
        appendFolder(to: &bytes)
        bytes.append("/")
        appendFile(to: &bytes)
    }

    private func appendFolder(to bytes: inout [UInt8]) {
        bytes.append(contentsOf: Self.top.utf8)
        bytes.append("/")
        bytes.append(decimal: batchID)
        bytes.append("/")
        bytes.append(decimal: id / 1_000_000)
        bytes.append("/")
        bytes.append(decimal: id / 1000 % 1000, digits: 3)
    }

    private func appendFile(to bytes: inout [UInt8]) {
        bytes.append(decimal: id)
        guard let ofFailure else { return }
        bytes.append("-")
        bytes.append(hex: ofFailure)
    }

    var path: String { Self.text(appendPath) }

    /// The path of the folder that the file is in.
    var folder: String { Self.text(appendFolder) }

    /// The name of the file in its folder.
    var file: String { Self.text(appendFile) }

    private static func text(_ append: (inout [UInt8]) -> Void) -> String {
        var bytes: [UInt8] = []
        append(&bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}
