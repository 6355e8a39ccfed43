public import JobStore

/// The calls that queues of this kind refuse.
extension PostgresQueue {
    public func addList(
        _ request: RequestTemplate, _ fields: LineFields
    ) throws(QueueError) -> any ListImport { throw unsupported("keep lists") }

    public func addUniqueList(
        _ request: RequestTemplate, _ fields: LineFields
    ) throws(QueueError) -> any UniqueListImport { throw unsupported("keep lists") }

    public func streamList(
        _ request: RequestTemplate, _ fields: LineFields, from origin: ListOrigin?,
        mayRepeat: Bool, as label: BatchLabel
    ) throws(QueueError) -> any ListStream { throw unsupported("keep lists") }

    public func resumeList(_ batch: Batch.ID) throws(QueueError) -> any ListStream {
        throw unsupported("keep lists")
    }
}
