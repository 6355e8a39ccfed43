/// Elements in the order in which they came. To take the first one does not move the others.
struct ArrivalQueue<Element> {
    private var elements: [Element?] = []
    private var next = 0

    /// The elements in front that are taken out of memory at a time.
    private static var takenMax: Int { 1024 }

    var count: Int { elements.count - next }
    var isEmpty: Bool { next == elements.count }
    var first: Element? { isEmpty ? nil : elements[next] }

    mutating func append(_ element: Element) { elements.append(element) }

    mutating func popFirst() -> Element? {
        guard next < elements.count else { return nil }
        defer {
            next += 1
            if next == elements.count {
                elements.removeAll(keepingCapacity: next <= Self.takenMax)
                next = 0
            } else if next >= Self.takenMax {
                elements.removeFirst(next)
                next = 0
            }
        }
        return elements[next].take()
    }

    /// Takes all elements.
    mutating func takeAll() -> [Element] {
        defer { (elements, next) = ([], 0) }
        return elements[next...].compactMap(\.self)
    }
}
