extension MemoryBudget {
    /// Makes the budget of a run.
    ///
    /// - Parameter bytesMax: The bytes asked for; the budget is smaller where the process may not
    ///   have as many.
    static func make(bytesMax: Int, workers: Int) -> MemoryBudget {
        // libcurl's own buffers are part of what bodies take.
        let buffers = workers * TransferSettings.bufferBytesMax
        let wanted = max(bytesMax - buffers, bytesMax / 4)
        guard let left = MemoryCeiling.ofProcess.left else { return MemoryBudget(bytesMax: wanted) }
        // What the workers themselves take, and half for what lies between.
        return MemoryBudget(bytesMax: min(wanted, max(1 << 20, (left - workers * workerBytes) / 2)))
    }

    /// The bytes of a worker's handle, task, connection and buffers, without what these grow to.
    private static let workerBytes = 64 << 10
}
