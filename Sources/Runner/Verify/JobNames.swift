internal import JobStore

/// Jobs to be told of: the first few by name, the rest by number.
struct JobNames {
    /// How many are named.
    static let limit = 5

    private struct Place: Equatable {
        let batchID: Batch.ID
        let file: String?
    }

    private(set) var count = 0
    private var names: [(place: Place, id: Int)] = []

    /// - Parameter file: Where it was met; `nil` when it was met nowhere.
    mutating func add(_ id: Int, of batchID: Batch.ID, in file: String? = nil) {
        count += 1
        let place = Place(batchID: batchID, file: file)
        guard names.count < Self.limit, !names.contains(where: { $0 == (place, id) }) else {
            return
        }
        names.append((place, id))
    }

    mutating func addUnnamed(_ count: Int) { self.count += count }

    /// `batch 1: 17, 18 in responses-00001.jsonl; batch 2: 5; and 3 more`
    var text: String {
        var parts: [String] = []
        var rest = names[...]
        while let place = rest.first?.place {
            let ids = rest.prefix { $0.place == place }
            rest = rest.dropFirst(ids.count)
            parts.append(
                "batch \(place.batchID): " + ids.map { String($0.id) }.joined(separator: ", ")
                    + (place.file.map { " in \($0)" } ?? ""))
        }
        if count > names.count { parts.append("and \(count - names.count) more") }
        return parts.joined(separator: "; ")
    }
}
