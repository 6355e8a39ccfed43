/// The fields of the row that was read last: views of other memory.
final class FieldBuffer {
    private var views: UnsafeMutablePointer<UnsafeRawBufferPointer?>
    private var capacity: Int
    /// The number of fields that were added, kept or not.
    private(set) var count = 0
    /// The most fields to keep; more are counted only.
    let countMax: Int

    init(countMax: Int) {
        self.countMax = countMax
        capacity = min(countMax, 16)
        views = .allocate(capacity: capacity)
        views.initialize(repeating: nil, count: capacity)
    }

    deinit { views.deallocate() }

    subscript(index: Int) -> UnsafeRawBufferPointer? { views[index] }

    func removeAll() { count = 0 }

    /// Makes all fields missing, as many as there may be.
    func clear() {
        count = 0
        for _ in 0..<countMax { append(nil) }
    }

    /// Sets a field that was added, for example by `clear`.
    func set(_ index: Int, to view: UnsafeRawBufferPointer) {
        precondition(index >= 0 && index < min(count, countMax), "the field was added")
        views[index] = view
    }

    func append(_ view: UnsafeRawBufferPointer?) {
        defer { count += 1 }
        guard count < countMax else { return }
        if count == capacity { grow() }
        views[count] = view
    }

    /// The row of these fields.
    func row(isSitemap: Bool = false) -> ListRow { .row(fields(isSitemap: isSitemap)) }

    /// These fields.
    func fields(isJSONBody: Bool = false, isSitemap: Bool = false) -> ListFields {
        ListFields(views, count: count, isJSONBody: isJSONBody, isSitemap: isSitemap)
    }

    private func grow() {
        let larger = UnsafeMutablePointer<UnsafeRawBufferPointer?>.allocate(capacity: 2 * capacity)
        larger.initialize(from: views, count: capacity)
        (larger + capacity).initialize(repeating: nil, count: capacity)
        views.deallocate()
        (views, capacity) = (larger, 2 * capacity)
    }
}
