/// By descriptor: whose it is, what epoll knows of it, and whether libcurl still listens.
struct SocketTable {
    private struct Entry {
        /// Outlives the entry: shards live as long as their loop.
        var shard: Unmanaged<Shard>?
        var registered: UInt32 = 0
        var isListening = false
        /// Opened by us, so we see it closed.
        var isConnection = false
        /// One without TLS.
        var isPlain = false
    }

    private var entries = [Entry](repeating: Entry(), count: 256)

    /// Who waits for events of `descriptor`; `nil` when nobody does.
    func listener(of descriptor: Int32) -> Shard? {
        let entry = entries[Int(descriptor)]
        return entry.isListening ? entry.shard?.takeUnretainedValue() : nil
    }

    func isConnection(_ descriptor: Int32) -> Bool { entries[Int(descriptor)].isConnection }
    func isPlain(_ descriptor: Int32) -> Bool { entries[Int(descriptor)].isPlain }

    /// - Returns: The events epoll was told before; 0 when it does not know the descriptor.
    mutating func listen(to descriptor: Int32, events: UInt32, _ shard: Shard) -> UInt32 {
        grow(to: descriptor)
        let i = Int(descriptor)
        defer { entries[i].registered = events }
        entries[i].shard = Unmanaged.passUnretained(shard)
        entries[i].isListening = true
        return entries[i].registered
    }

    mutating func ignore(_ descriptor: Int32) {
        grow(to: descriptor)
        entries[Int(descriptor)].isListening = false
    }

    mutating func unregister(_ descriptor: Int32) { entries[Int(descriptor)].registered = 0 }

    mutating func open(_ descriptor: Int32, isPlain: Bool) {
        grow(to: descriptor)
        entries[Int(descriptor)] = Entry(isConnection: true, isPlain: isPlain)
    }

    mutating func close(_ descriptor: Int32) {
        grow(to: descriptor)
        entries[Int(descriptor)] = Entry()
    }

    private mutating func grow(to descriptor: Int32) {
        while entries.count <= Int(descriptor) {
            entries.append(contentsOf: repeatElement(Entry(), count: entries.count))
        }
    }
}
