/// The lanes of a pace that can hand out, by how long they have waited; lanes that no longer can may
/// be among them.
struct LaneOrder {
    private var ids: [Host.ID] = []
    private var start = 0

    var first: Host.ID? { start < ids.count ? ids[start] : nil }

    mutating func append(_ id: Host.ID) { ids.append(id) }

    mutating func removeFirst() -> Host.ID {
        defer {
            start += 1
            if start == ids.count || start >= 4096 {
                ids.removeFirst(start)
                start = 0
            }
        }
        return ids[start]
    }
}
