internal import JobStore

extension Record {
    /// Returns the SHA-256 of the body that is kept.
    ///
    /// - Throws: `SinkError` when the temporary file cannot be read.
    func sha256(by digest: Digest) throws(SinkError) -> [UInt8] {
        digest.reset()
        try capture.body.forEachPiece(of: self) { digest.update($0) }
        return digest.finish()
    }

    /// Returns the name of the body's file.
    ///
    /// - Throws: `SinkError` when the temporary file cannot be read, of a job that failed.
    func bodyName(by digest: Digest) throws(SinkError) -> BodyName {
        isCompleted ? bodyOfCompleted : bodyName(try sha256(by: digest))
    }

    /// Returns the name of the file of a body with this SHA-256.
    func bodyName(_ sha256: [UInt8]) -> BodyName {
        BodyName(batchID: batchID, id: id, failureSHA256: isCompleted ? nil : sha256)
    }

    /// The name that the body's file has if the job is completed.
    var bodyOfCompleted: BodyName { BodyName(batchID: batchID, id: id) }
}
