internal import JobStore

/// Jobs to be reported: the first few by ID, the rest by their number.
struct JobNames {
    /// The most jobs that are named.
    static let namesMax = 5

    private struct Place: Equatable {
        let batchID: Batch.ID
        let file: String?
    }

    private(set) var count = 0
    private var names: [(place: Place, id: Int)] = []

    /// - Parameter file: The file in which the job was met; `nil` when it was met in none.
    mutating func add(_ id: Int, of batchID: Batch.ID, in file: String? = nil) {
        count += 1
        let place = Place(batchID: batchID, file: file)
        guard names.count < Self.namesMax, !names.contains(where: { $0 == (place, id) }) else {
            return
        }
        names.append((place, id))
    }

    /// Adds some of other jobs, by name as far as there is room.
    mutating func add(_ count: Int, of others: JobNames) {
        self.count += count
        for name in others.names
        where names.count < Self.namesMax && !names.contains(where: { $0 == name }) {
            names.append(name)
        }
    }

    mutating func addUnnamed(_ count: Int) { self.count += count }

    /// Text such as `batch 1: 17, 18 in responses-00001.jsonl; batch 2: 5; and 3 more`.
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
