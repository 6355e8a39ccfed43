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

/// The lanes that can hand out, by their pace.
struct LaneOrders {
    private var quick = LaneOrder()
    private var untried = LaneOrder()
    private var slow = LaneOrder()

    subscript(pace: Lane.Pace) -> LaneOrder {
        get {
            switch pace {
            case .quick: quick
            case .untried: untried
            case .slow: slow
            }
        }
        _modify {
            switch pace {
            case .quick: yield &quick
            case .untried: yield &untried
            case .slow: yield &slow
            }
        }
    }

    var areQuickOnly: Bool { untried.first == nil && slow.first == nil }
}
