/// An optional value that is kept apart from what it belongs to, which takes 8 bytes for it: for
/// large values that most do without, or begin with the same. Copies share the value until one of
/// them changes.
@propertyWrapper
struct Apart<Value: Sendable>: Sendable {
    // @unchecked holds because a value is changed only where nothing else refers to its box.
    private final class Box: @unchecked Sendable {
        var value: Value?
        init(_ value: Value) { self.value = value }
    }

    private var box: Box?

    init() {}

    init(wrappedValue: Value?) { box = wrappedValue.map(Box.init) }

    var wrappedValue: Value? {
        _read {
            if let box { yield box.value } else { yield nil }
        }
        _modify {
            if box == nil {
                var value: Value?
                yield &value
                box = value.map(Box.init)
            } else {
                if !isKnownUniquelyReferenced(&box) { box = box?.value.map(Box.init) }
                yield &box!.value
                if box!.value == nil { box = nil }
            }
        }
    }
}
