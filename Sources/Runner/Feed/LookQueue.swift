/// Lanes to look at, the earliest first: a binary heap.
struct LookQueue {
    private var looks: [(micros: Int, id: Host.ID)] = []

    /// The time of the earliest look; `nil` when there is none.
    var firstMicros: Int? { looks.first?.micros }

    mutating func add(_ id: Host.ID, atMicros micros: Int) {
        looks.append((micros, id))
        var child = looks.count - 1
        while child > 0, looks[(child - 1) / 2].micros > looks[child].micros {
            looks.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// Takes out the earliest look, if its time has come.
    mutating func takeFirst(upTo micros: Int) -> Host.ID? {
        guard let first = looks.first, first.micros <= micros else { return nil }
        looks.swapAt(0, looks.count - 1)
        looks.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < looks.count && looks[child].micros < looks[least].micros {
                least = child
            }
            if least == parent { return first.id }
            looks.swapAt(parent, least)
            parent = least
        }
    }
}
