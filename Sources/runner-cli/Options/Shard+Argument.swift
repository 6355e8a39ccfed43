import ArgumentParser
import JobStore

extension Shard {
    /// Reads an option's value: `3/5`.
    static func argument(_ text: String) throws -> Shard {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map {
            $0.utf8.allSatisfy { 0x30...0x39 ~= $0 } ? Int($0) : nil
        }
        guard parts.count == 2, let number = parts[0], let count = parts[1] else {
            throw ValidationError(
                "'\(Terminal.escaped(text))' is no shard; give its number and how many there are, from 0/5 to 4/5 for example"
            )
        }
        guard 1...countMax ~= count else {
            throw ValidationError("\(count) is no number of shards; give 1 to \(countMax)")
        }
        guard let shard = Shard(number: number, of: count) else {
            throw ValidationError(
                "there is no shard \(text): they count from 0, so the last one is \(count - 1)/\(count)"
            )
        }
        return shard
    }
}
