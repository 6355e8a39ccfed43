internal import JobStore

/// Where a request was found.
struct FoundTrail: Equatable {
    /// The batch and the ID of the job whose response led to it.
    let batchID: Batch.ID
    let id: Int
    /// The number of responses that led to it, one after another, from 1.
    let depth: Int
    /// The folder where the walk that led to it began, as a URL; `nil` where that does not matter.
    let root: String?

    init(batchID: Batch.ID, id: Int, depth: Int, root: String? = nil) {
        self.batchID = batchID
        self.id = id
        self.depth = depth
        self.root = root
    }

    /// Reads the fields of a line.
    ///
    /// - Returns: `nil` when they say nothing.
    init?(foundOn: ArraySlice<UInt8>?, depth: ArraySlice<UInt8>?) {
        guard let foundOn, let depth else { return nil }
        let parts = foundOn.split(separator: UInt8(ascii: " "), maxSplits: 1)
        let numbers = (parts.first ?? []).split(separator: UInt8(ascii: "/")).map(Self.number)
        guard numbers.count == 2, let batchID = numbers[0], let id = numbers[1],
            let depth = Self.number(depth)
        else { return nil }
        let root = parts.count > 1 ? String(decoding: parts[1], as: UTF8.self) : nil
        self.init(batchID: batchID, id: id, depth: depth, root: root)
    }

    private static func number(_ text: ArraySlice<UInt8>) -> Int? {
        Int(String(decoding: text, as: UTF8.self))
    }

    /// The text of `foundOn` in a line.
    var foundOn: [UInt8] { Array("\(batchID)/\(id)\(root.map { " \($0)" } ?? "")".utf8) }

    /// Appends the trail as members of a JSON object, each after a comma.
    func appendMembers(to bytes: inout [UInt8]) {
        bytes.append(",\"found_on\":{\"batch\":")
        bytes.append(decimal: batchID)
        bytes.append(",\"id\":")
        bytes.append(decimal: id)
        bytes.append("},\"depth\":")
        bytes.append(decimal: depth)
    }
}
