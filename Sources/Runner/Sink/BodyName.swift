internal import JobStore

/// The place of a body's file in the output folder. It is made of numbers only, so that nothing a
/// server says can name a path.
struct BodyName: Equatable, Sendable {
    /// The folder, within the output folder, that all bodies are in.
    static let top = "bodies"

    let batchID: Batch.ID
    let id: Int

    init(batchID: Batch.ID, id: Int) {
        self.batchID = batchID
        self.id = id
    }

    /// Appends the path of the file within the output folder: `bodies/1/12/345/12345678`.
    func appendPath(to bytes: inout [UInt8]) {
        bytes.append(contentsOf: Self.top.utf8)
        bytes.append("/")
        bytes.append(decimal: batchID)
        bytes.append("/")
        bytes.append(decimal: id / 1_000_000)
        bytes.append("/")
        bytes.append(decimal: id / 1000 % 1000, digits: 3)
        bytes.append("/")
        bytes.append(decimal: id)
    }

    var path: String {
        var bytes: [UInt8] = []
        appendPath(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The path of the folder that the file is in.
    var folder: String { String(path.dropLast(file.utf8.count + 1)) }

    /// The name of the file in its folder.
    var file: String { String(id) }
}
